"""Who owns SIMs, which there are, and where they are expected."""
