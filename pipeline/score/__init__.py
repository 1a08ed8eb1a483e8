"""Word error rates."""
