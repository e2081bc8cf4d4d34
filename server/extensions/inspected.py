"""What functions of extensions know of a relation that they look into: they know nothing of the catalog's objects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inspected:
    """A relation that is locked. kind: its letter in pg_class; method: of an index; storage_id 0: it has no storage."""

    name: str
    kind: str
    method: str = ""
    storage_id: int = 0
