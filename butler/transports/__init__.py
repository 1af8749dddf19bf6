"""The chat networks that Butler can be put on, each behind the Transport protocol."""
