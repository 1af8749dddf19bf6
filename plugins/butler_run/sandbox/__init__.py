"""The boundary around an agent: what it can see, reach, and use up."""
