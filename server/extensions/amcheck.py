"""amcheck: what verifies tables and indexes is there without it; the extension tells pg_amcheck so."""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

AMCHECK: Final = Extension(
    name="amcheck",
    trusted=False,
    version="1.3",
    comment="functions for verifying relation integrity",
    declarations="",
    functions={},
    schema="pg_catalog",
)
