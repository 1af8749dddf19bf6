"""The supported chat networks, each behind the Transport protocol."""
