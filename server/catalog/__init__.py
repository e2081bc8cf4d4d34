"""The catalog: objects, views of them, system relations and functions."""
