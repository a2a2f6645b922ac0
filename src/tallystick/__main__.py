"""`python -m tallystick`: the same as the command `tallystick`."""

from tallystick.cli import main

main()
