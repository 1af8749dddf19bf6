"""The sandbox of agents: files, network and resource limits."""
