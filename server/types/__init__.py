"""SQL types: what a value is, how it is read, written, kept and ordered."""
