"""The console: pages for people who look at their fleet in a browser."""
