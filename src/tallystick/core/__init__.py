"""What is true: pure rules over values; standard library only, no clock, no I/O."""
