"""Tallystick beside what else could do the same work, measured in one run; see docs/reference/performance.md."""
