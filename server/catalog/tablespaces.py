"""Tablespaces as catalog objects. They say where relations would lie: all data is in one store all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.catalog.objects import CatalogObject, Oid

DEFAULT_OID: Final[Oid] = 1663
GLOBAL_OID: Final[Oid] = 1664
BUILT_IN: Final = {"pg_default": DEFAULT_OID, "pg_global": GLOBAL_OID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tablespace(CatalogObject):
    """A tablespace, which all databases share; options are those of planning."""

    location: str
    options: tuple[str, ...] = ()
