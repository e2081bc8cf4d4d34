"""pg_indexam_has_property and its kin: what access methods, indexes and their columns can do in PostgreSQL.

Of gin, gist, spgist and brin indexes there is the definition only: what is told of them is what PostgreSQL's can do, as
those who ask want to know what may be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.functions.scope import object_of, view_of
from server.catalog.objects import Index, Table
from server.catalog.views.physical import fact_of
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.functions.function import CallContext, Function


def _sets(lines: str) -> Mapping[str, frozenset[str]]:
    """Each line: a property, and the methods that have it."""
    pairs = (line.split(": ") for line in lines.strip().splitlines())
    return {name.strip(): frozenset(methods.split()) for name, methods in pairs}


OF_METHOD: Final = _sets("""
    can_order: btree
    can_unique: btree
    can_multi_col: btree gist gin brin
    can_exclude: btree hash gist spgist
    can_include: btree gist spgist
""")
OF_INDEX: Final = _sets("""
    clusterable: btree gist
    index_scan: btree hash gist spgist
    bitmap_scan: btree hash gist gin brin spgist
    backward_scan: btree hash
""")
OF_COLUMN: Final = _sets("""
    asc: btree
    desc: btree
    nulls_first: btree
    nulls_last: btree
    orderable: btree
    distance_orderable: gist spgist
    returnable: btree gist spgist
    search_array: btree
    search_nulls: btree gist spgist brin
""")
OF_INCLUDED: Final = frozenset(("returnable", "orderable", "distance_orderable"))
"""What may be asked of columns that INCLUDE names."""

DISTANCES: Final = frozenset((600, 603, 604, 718))
"""point, box, polygon, circle: how far away they are may be asked of a gist or spgist index."""

LOSSY: Final = frozenset((604, 718, 3614, 3615))
"""polygon, circle, tsvector, tsquery: gist keeps something simpler than the value."""


def _known(properties: Mapping[str, frozenset[str]], name: str, method: str) -> bool | None:
    found = properties.get(name.lower())
    return None if found is None else method in found


def _of_method(oid: int, name: str) -> bool | None:
    fact = fact_of("pg_am", oid)
    if fact is None or fact["amtype"] != "i":
        return None
    return _known(OF_METHOD, name, fact["amname"])


def _method(call: CallContext, oid: int) -> str:
    """The method of an index; those of the system catalog are all of one."""
    value = object_of(call, oid, Index)
    if value is not None:
        return value.method
    fact = fact_of("pg_class", oid)
    return "btree" if fact is not None and fact["relkind"] == "i" else ""


def _of_index(call: CallContext, oid: int, name: str) -> bool | None:
    method = _method(call, oid)
    return _known(OF_INDEX, name, method) if method else None


def _of_column(call: CallContext, oid: int, number: int, name: str) -> bool | None:
    method, word = _method(call, oid), name.lower()
    index = object_of(call, oid, Index)
    if index is None:
        return _known(OF_COLUMN, name, method) if method and number > 0 else None
    if not 1 <= number <= len(index.keys) + len(index.included) or word not in OF_COLUMN:
        return None
    if number > len(index.keys):
        return word == "returnable" if word in OF_INCLUDED else None
    if method not in OF_COLUMN[word]:
        return False
    key = index.keys[number - 1]
    by_key = {
        "asc": not key.descending,
        "desc": key.descending,
        "nulls_first": key.nulls_first,
        "nulls_last": not key.nulls_first,
    }
    if word in by_key:
        return by_key[word]
    return _of_type(call, index, number, word) if method != "btree" else True


def _of_type(call: CallContext, index: Index, number: int, word: str) -> bool:
    """What depends on the operator class, as far as the type tells."""
    key = index.keys[number - 1]
    table = view_of(call).object(index.table)
    kind = table.column(key.number).type if key.number and isinstance(table, Table) else key.type
    if word == "distance_orderable":
        return kind in DISTANCES
    return word != "returnable" or index.method == "spgist" or kind not in LOSSY


FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        "636 pg_indexam_has_property(oid, text) bool stable",
        _of_method,
        "what an index method can do",
    ),
    row(
        "637 pg_index_has_property(regclass, text) bool stable context",
        _of_index,
        "what an index can do",
    ),
    row(
        "638 pg_index_column_has_property(regclass, int4, text) bool stable context",
        _of_column,
        "what an index column can do",
    ),
)
