"""intagg: an aggregate that makes an array of integers, and a function that takes one apart."""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

INTAGG: Final = Extension(
    name="intagg",
    version="1.1",
    comment="integer aggregator and enumerator (obsolete)",
    trusted=False,
    declarations="",
    functions={},
    more="""
create aggregate int_array_aggregate(int4)
  (sfunc = pg_catalog.array_append, stype = int4[], parallel = safe);
create function int_array_enum(int4[]) returns setof int4
  language internal immutable strict parallel safe as 'array_unnest';
""",
)
