"""Guesses at what a misspelt column was meant to be.

As PostgreSQL's errorMissingColumn makes them.
"""

from __future__ import annotations

MAX_DISTANCE = 3


def distance(left: str, right: str, limit: int) -> int:
    """Levenshtein distance, or limit + 1 when it is larger than limit."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return min(row[-1], limit + 1)


def column_hint(qualifier: str, name: str, candidates: list[tuple[str, str]]) -> str:
    """The hint that names one or two near misses; none where there are more, or none near."""
    best = MAX_DISTANCE + 1
    near: list[tuple[str, str]] = []
    for alias, column in candidates:
        penalty = distance(qualifier, alias, MAX_DISTANCE) if qualifier else 0
        if penalty > MAX_DISTANCE:
            continue
        found = distance(name, column, MAX_DISTANCE)
        if found > len(name) // 2 or found + penalty > best or found + penalty > MAX_DISTANCE:
            continue
        if found + penalty < best:
            best, near = found + penalty, []
        near.append((alias, column))
    if not near or len(near) > 2:
        return ""
    meant = " or the column ".join(f'"{alias}.{column}"' for alias, column in near)
    return f"Perhaps you meant to reference the column {meant}."
