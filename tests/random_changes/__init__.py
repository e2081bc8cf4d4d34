"""Random sequences of changes to tables, asked of PostgreSQL and of this server, and what comes out differently."""
