"""Logs and channels between nodes: what is shown to people is first written here.

One port, an in-memory twin and Valkey behind it, one contract suite over both."""
