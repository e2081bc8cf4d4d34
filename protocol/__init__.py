"""PostgreSQL's frontend/backend protocol 3.0, server side, without any input or output."""
