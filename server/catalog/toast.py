"""TOAST relations: which tables PostgreSQL would give one, and the relations that they bring along.

Values of any length are stored with their rows, so nothing is ever in them. They are there for whoever
asks the catalog: names, options, owners and files follow their table.

Rule 1: they are made of their table (`toast_relations`), never stored; what may change is in `Toast`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import PG_TOAST_OID, Column, Index, IndexKey, Table, Toast
from server.oids import BIT, BPCHAR, BYTEA, INT4, NUMERIC, OID, VARBIT, VARCHAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.objects import Oid

    Layout = Callable[[Oid], tuple[int, str, str]]
    """Of a type: its length, alignment and storage strategy, as in pg_type."""

PROVIDER: Final = "pg_toast"
_PREFIX: Final = "pg_toast_"
_COLUMNS: Final = (
    Column(number=1, name="chunk_id", type=OID),
    Column(number=2, name="chunk_seq", type=INT4),
    Column(number=3, name="chunk_data", type=BYTEA, storage="p"),
)
_KEYS: Final = (IndexKey(number=1), IndexKey(number=2))
_PADDING: Final = {"c": 1, "s": 2, "i": 4, "d": 8}
_ROW_BYTES_MAX: Final = 2032  # longer rows have values moved out
_ROW_HEADER, _CHARACTER_BYTES, _LENGTH_BYTES = 23, 4, 4


def toast_relations(table: Table) -> tuple[Table, Index] | None:
    """The TOAST relation of a table and its index; None for a table without."""
    toast = table.toast
    if toast is None:
        return None
    relation = Table(
        oid=toast.oid,
        name=f"{_PREFIX}{table.oid}",
        schema=PG_TOAST_OID,
        owner=table.owner,
        kind="t",
        columns=_COLUMNS,
        persistence=table.persistence,
        provider=PROVIDER,
        filenode=toast.filenode or toast.oid,
        tablespace=table.tablespace,
        options=toast.options,
        replica_identity="n",
    )
    index = Index(
        oid=toast.index,
        name=f"{relation.name}_index",
        schema=PG_TOAST_OID,
        owner=table.owner,
        table=toast.oid,
        storage_id=0,
        keys=_KEYS,
        unique=True,
        primary=True,
        filenode=toast.index_filenode or toast.index,
        tablespace=table.tablespace,
    )
    return relation, index


def table_of_toast(relation: Table) -> Oid:
    """The table that a TOAST relation belongs to."""
    return int(relation.name.removeprefix(_PREFIX))


def with_toast(
    before: Table | None, value: Table, layout: Layout, new_oid: Callable[[], Oid]
) -> Table:
    """A table that is about to be put in the place of another, with the TOAST relation it has then.

    One that PostgreSQL would rewrite gets other files; one that no longer has long values keeps it until then.
    """
    if value.kind not in "rm" or value.provider or value.persistence == "t":
        return value
    known = before.toast if before is not None else None
    is_moved = before is not None and before.storage_id != value.storage_id
    if known is not None and not is_moved:
        return value if value.toast is not None else replace(value, toast=known)
    if not needs_toast(value.live_columns, layout):
        return replace(value, toast=None)
    if known is None:
        return replace(value, toast=value.toast or Toast(oid=new_oid(), index=new_oid()))
    moved = replace(value.toast or known, filenode=new_oid(), index_filenode=new_oid())
    return replace(value, toast=moved)


def needs_toast(columns: Iterable[Column], layout: Layout) -> bool:
    """Whether a row of the columns may be too long for a page, with values that can be moved out."""
    length, is_bounded, can_move, count = 0, True, False, 0
    for column in columns:
        own, alignment, storage = layout(column.type)
        padding = _PADDING[alignment]
        length = -(-length // padding) * padding
        longest = own if own > 0 else _longest(column)
        count += 1
        if longest is None:
            is_bounded = False
        else:
            length += longest
        can_move = can_move or (own < 0 and (column.storage or storage) != "p")
    header = -(-(_ROW_HEADER + (count + 7) // 8) // 8) * 8
    return can_move and (not is_bounded or header + -(-length // 8) * 8 > _ROW_BYTES_MAX)


def _longest(column: Column) -> int | None:
    """The most bytes that a value of a column without fixed length takes; None: any number."""
    modifier = column.modifier
    if modifier < 0:
        return None
    if column.type in (BPCHAR, VARCHAR):
        return (modifier - _LENGTH_BYTES) * _CHARACTER_BYTES + _LENGTH_BYTES
    if column.type in (BIT, VARBIT):
        return (modifier + 7) // 8 + 2 * _LENGTH_BYTES
    if column.type == NUMERIC:
        digits = ((modifier - _LENGTH_BYTES) >> 16) & 0xFFFF
        return 8 + 2 * ((digits + 2 * 3) // 4)
    return None
