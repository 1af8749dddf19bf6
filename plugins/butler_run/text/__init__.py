"""What agents say, made fit for a phone."""
