"""Random statements, asked of PostgreSQL and of this server, and what they answer differently."""
