"""What the rooms that speak HTTP share."""
