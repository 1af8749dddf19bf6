"""The commands of the run plugin, by what they are about."""
