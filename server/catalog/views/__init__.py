"""What computed system relations contain: one module a subject, each with its table of RELATIONS."""
