"""Which SIMs were activated in hardware they do not belong in, and when."""
