"""What the kept answer says, what it rests on, and whom it concerns."""
