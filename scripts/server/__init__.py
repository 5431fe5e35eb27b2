"""The server as a supervised set of processes: launcher, proxy, supervisor."""
