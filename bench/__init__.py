"""Workloads measured against PostgreSQL 15 and DuckDB in the same run; see README.md."""
