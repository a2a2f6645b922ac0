"""What is done with a whole store: verify it, copy it, make one up."""
