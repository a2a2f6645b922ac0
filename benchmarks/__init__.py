"""Tallystick beside other programs, measured in one run; see docs/reference/performance.md."""
