"""Expression tree to text as PostgreSQL's ruleutils prints it."""

from sqlglot import exp


def deparse(node: exp.Expression) -> str:
    """Print an expression."""
    raise NotImplementedError(type(node).__name__)
