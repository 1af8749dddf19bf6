"""Running Butler: the daemon, its shutdown, its report, its checks."""
