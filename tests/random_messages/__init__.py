"""Random sequences of protocol messages, sent to PostgreSQL and to this server, and what comes back differently."""
