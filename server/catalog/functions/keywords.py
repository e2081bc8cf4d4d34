"""pg_get_keywords.

The words of SQL, from data/keywords.tsv (word, category, whether a label without AS may be it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.data_files import data_text

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORIES = {
    "R": "reserved",
    "U": "unreserved",
    "C": "unreserved (cannot be function or type name)",
    "T": "reserved (can be function or type name)",
}


def keywords() -> Iterator[tuple[str, str, bool, str, str]]:
    """Word, category, whether it may be a bare label, and both in words."""
    for line in data_text("keywords.tsv").splitlines():
        word, category, bare = line.split("\t")
        is_bare = bare == "t"
        label = "can be bare label" if is_bare else "requires AS"
        yield word, category, is_bare, CATEGORIES[category], label
