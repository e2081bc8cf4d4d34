"""Everything that can be called in an expression, one file a subject, listed in tables."""
