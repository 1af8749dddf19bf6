"""Operations: the daemon, its shutdown, its status report and its checks."""
