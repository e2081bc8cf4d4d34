"""The server: sessions, SQL and the network on top of storage and protocol. README.md says how a query lives."""
