"""PartitionMap: which partition of a partitioned table a key belongs to.

Rule 1: partitions stand in the order of their bounds, as PostgreSQL keeps them: ranges ascending, lists by
        their least value, hashes by modulus and remainder; the default partition comes last.
Rule 2: a datum of a range is (-1,) for MINVALUE, (0, key) for a value, (1,) for MAXVALUE, so that tuples of
        datums order as bounds do.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from server.catalog.collations import key_reference
from server.catalog.objects import Table
from server.catalog.operator_class_objects import hash_function
from server.catalog.partition_hash import row_hash
from server.errors import FeatureNotSupported
from server.types.order import sort_key_of
from server.types.type import TextStyle, TypeReference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import PartitionBound, PartitionKey
    from server.types.type import Type, Value

Datum = tuple[Any, ...]
STYLE = TextStyle()
RANKS = {"minvalue": -1, "maxvalue": 1}


def key_types(view: CatalogView, key: PartitionKey) -> tuple[Type, ...]:
    """The types of the parts of a partition key, under their collations."""
    return tuple(
        key_reference(view, TypeReference(view.type(part.type)), part.collation).type
        for part in key.parts
    )


class PartitionMap:
    """The partitions of one table, ready to be searched."""

    __slots__ = (
        "default",
        "hash_functions",
        "hashes",
        "lists",
        "lowers",
        "null",
        "partitions",
        "strategy",
        "table",
        "types",
        "uppers",
        "values",
    )

    def __init__(self, view: CatalogView, table: Table, *, with_detaching: bool = False) -> None:
        key = table.partition_key
        assert key is not None
        self.table = table
        self.strategy = key.strategy
        self.types: tuple[Type, ...] = key_types(view, key)
        children = view.all_children_of if with_detaching else view.children_of
        found = [child for child in children(table.oid) if child.bound is not None]
        self.partitions: tuple[Table, ...] = tuple(sorted(found, key=self._place))
        self.default: int | None = None
        self.lowers: list[tuple[Datum, ...]] = []
        self.uppers: list[tuple[Datum, ...]] = []
        self.values: dict[Any, int] = {}  # of lists: sort key to the number of the partition
        self.lists: list[tuple[Any, ...]] = []  # sort keys of each list
        self.null: int | None = None
        self.hashes: list[tuple[int, int]] = []
        # Of users' operator classes, by part; 0: PostgreSQL's for the type.
        self.hash_functions = tuple(hash_function(view, part.operator_class) for part in key.parts)
        for number, partition in enumerate(self.partitions):
            assert partition.bound is not None
            self._add(number, partition.bound)

    def _add(self, number: int, bound: PartitionBound) -> None:
        if bound.is_default:
            self.default = number
        elif self.strategy == "range":
            self.lowers.append(self.datums(bound.lower))
            self.uppers.append(self.datums(bound.upper))
        elif self.strategy == "hash":
            self.hashes.append((bound.modulus, bound.remainder))
        else:
            keys = self.list_keys(bound)
            self.lists.append(keys)
            self.values.update(dict.fromkeys(keys, number))
            if None in bound.values:
                self.null = number

    def _place(self, partition: Table) -> tuple[Any, ...]:
        bound = partition.bound
        assert bound is not None
        if bound.is_default:
            return (1,)
        if self.strategy == "range":
            return (0, self.datums(bound.lower))
        if self.strategy == "hash":
            return (0, bound.modulus, bound.remainder)
        keys = self.list_keys(bound)
        return (0, 0, min(keys)) if keys else (0, 1)

    def datums(self, written: Sequence[tuple[str, str]]) -> tuple[Datum, ...]:
        """One side of a range."""
        return tuple(
            (RANKS[kind],) if kind in RANKS else (0, self.key_of_text(position, text))
            for position, (kind, text) in enumerate(written)
        )

    def list_keys(self, bound: PartitionBound) -> tuple[Any, ...]:
        """The sort keys of a list's values, without NULL."""
        return tuple(self.key_of_text(0, text) for text in bound.values if text is not None)

    def key_of_text(self, position: int, text: str) -> Any:
        """The sort key of a value in text form."""
        kind = self.types[position]
        return sort_key_of(kind, kind.parse(text, -1, STYLE))

    def key(self, position: int, value: Value) -> Any:
        """The sort key of a value of the key's type."""
        return sort_key_of(self.types[position], value)

    def find(self, values: Sequence[Value | None]) -> Table | None:
        """The partition for a key, None for none."""
        number = self.number_of(values)
        return None if number is None else self.partitions[number]

    def number_of(self, values: Sequence[Value | None]) -> int | None:
        """The number of the partition for a key."""
        if self.strategy == "hash":
            return self._by_hash(values)
        if self.strategy == "list" and values[0] is None:
            return self.default if self.null is None else self.null
        if self.strategy == "list":
            return self.values.get(self.key(0, values[0]), self.default)
        return self._by_range(values)

    def _by_hash(self, values: Sequence[Value | None]) -> int | None:
        if any(self.hash_functions):
            raise FeatureNotSupported(
                "looking up a key in partitions by the hash function of a user is not supported"
            )
        return self.number_of_hash(row_hash(self.types, values))

    def number_of_hash(self, hashed: int) -> int | None:
        """The number of the partition for a key of that hash."""
        for number, (modulus, remainder) in enumerate(self.hashes):
            if hashed % modulus == remainder:
                return number
        return None

    def _by_range(self, values: Sequence[Value | None]) -> int | None:
        if any(value is None for value in values):
            return self.default
        datums = tuple((0, self.key(n, value)) for n, value in enumerate(values))
        number = bisect_right(self.lowers, datums) - 1
        if number >= 0 and datums < self.uppers[number]:
            return number
        return self.default

    def overlapping(self, bound: PartitionBound) -> Table | None:
        """A partition that has a part of what a new one would have, None for none."""
        if bound.is_default:
            return None if self.default is None else self.partitions[self.default]
        number = {"hash": self._same_hash, "list": self._same_value, "range": self._same_range}[
            self.strategy
        ](bound)
        return None if number is None else self.partitions[number]

    def _same_hash(self, bound: PartitionBound) -> int | None:
        for number, (modulus, remainder) in enumerate(self.hashes):
            common = min(modulus, bound.modulus)
            if remainder % common == bound.remainder % common:
                return number
        return None

    def _same_value(self, bound: PartitionBound) -> int | None:
        if None in bound.values and self.null is not None:
            return self.null
        for key in self.list_keys(bound):
            if key in self.values:
                return self.values[key]
        return None

    def _same_range(self, bound: PartitionBound) -> int | None:
        lower, upper = self.datums(bound.lower), self.datums(bound.upper)
        for number, (low, high) in enumerate(zip(self.lowers, self.uppers, strict=True)):
            if low < upper and lower < high:
                return number
        return None


def partition_map(view: CatalogView, table: Table) -> PartitionMap:
    """The map of a partitioned table, made once a view."""
    found: PartitionMap | None = view.partition_maps.get(table.oid)
    if found is None:
        found = view.partition_maps[table.oid] = PartitionMap(view, table)
    return found


def partition_map_of_a_moment(view: CatalogView, table: Table) -> PartitionMap:
    """The map for a transaction that looks at one moment: partitions that are being detached are still there."""
    if not view.state.detaching:
        return partition_map(view, table)
    return PartitionMap(view, table, with_detaching=True)


def leaves_of(view: CatalogView, table: Table) -> list[Table]:
    """The tables below a partitioned table that have rows, in the order of their bounds."""
    if table.kind != "p":
        return [table]
    return [
        leaf for part in partition_map(view, table).partitions for leaf in leaves_of(view, part)
    ]


def leaf_for_key(
    view: CatalogView, table: Table, numbers: Sequence[int], values: Sequence[Value | None]
) -> tuple[Table, tuple[int, ...]] | None:
    """The leaf that has the rows with a key, which has all columns of partition keys, and the key's numbers there."""
    while table.partition_key is not None:
        known = dict(zip(numbers, values, strict=True))
        key = [known[part.number] for part in table.partition_key.parts]
        found = partition_map(view, table).find(key)
        if found is None:
            return None
        numbers = same_columns(table, found, numbers)
        table = found
    return table, tuple(numbers)


def same_columns(table: Table, other: Table, numbers: Sequence[int]) -> tuple[int, ...]:
    """The attribute numbers of columns in another table of the family."""
    found = [other.column_named(table.column(number).name) for number in numbers]
    return tuple(column.number for column in found if column is not None)


def ancestors_of(view: CatalogView, table: Table) -> list[Table]:
    """The partitioned tables above a partition, the nearest first."""
    found: list[Table] = []
    while table.bound is not None:
        parent = view.object(table.parents[0])
        assert isinstance(parent, Table)
        table = parent
        found.append(table)
    return found
