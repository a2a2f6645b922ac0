"""What each database brings."""
