"""The protocol between daemon and gateway; imports neither."""
