"""What people say, and the seam that they say it through."""
