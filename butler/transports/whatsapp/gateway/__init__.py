"""The gateway process: the only part of Butler that imports neonize."""
