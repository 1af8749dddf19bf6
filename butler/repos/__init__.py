"""The repo registry and the git client."""
