"""TableShape: what writing to a table needs to know of it, found out once a program.

Rule 1: a row here is a tuple with an element for each attribute, dropped ones included (None), so
        that attribute n is at n - 1, in expressions as in storage.
Rule 2: storage keeps a row in stored form; keys of indexes are made of row form by one function for
        both directions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from server.catalog.collations import column_reference
from server.catalog.partition_bounds import ancestors_of, same_columns
from server.executor.index_keys import IndexShape, index_attributes
from server.executor.inverted_keys import InvertedShape
from server.executor.storage_columns import load_value, store_value, stored_column
from server.executor.table_triggers import triggers_of
from server.types.type import Value
from server.vector.batch import Batch
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Sequence

    from server.catalog.objects import Constraint, Table
    from server.executor.context import ExecutionContext
    from server.types.type import TypeReference
    from storage.engine import KeyColumns

Row = tuple[Value | None, ...]


class LiveColumns:
    """The columns of a table that have not been dropped, as what its row type is made of."""

    __slots__ = ("generated", "names", "numbers", "types")

    def __init__(self, table: Table, types: Sequence[TypeReference]) -> None:
        columns = table.live_columns
        self.numbers = tuple(column.number for column in columns)
        self.names = tuple(column.name for column in columns)
        self.types = tuple(types[number - 1].type for number in self.numbers)
        self.generated = frozenset(column.number for column in columns if column.generated)


class TableShape:
    """A table with the types of its attributes, its indexes and what its rows are checked for."""

    __slots__ = (
        "checked_later",
        "has_exclusions",
        "indexes",
        "inverted",
        "key_attributes",
        "key_casts",
        "live",
        "not_null",
        "not_null_numbers",
        "references",
        "schema_name",
        "table",
        "triggers",
        "types",
        "unfilled_attributes",
        "unique_indexes",
        "watched",
        "watched_beyond_keys",
    )

    def __init__(self, table: Table, context: ExecutionContext) -> None:
        catalog = context.catalog
        self.table = table
        self.types = tuple(column_reference(catalog, column) for column in table.columns)
        self.live = LiveColumns(table, self.types)
        self.not_null = tuple(column.number for column in table.live_columns if column.not_null)
        self.not_null_numbers = frozenset(self.not_null)
        schema = catalog.object(table.schema)
        self.schema_name: str = "" if schema is None else schema.name
        living = [index for index in catalog.indexes_of(table.oid) if index.live]
        self.indexes = tuple(
            IndexShape(index, table, self.types, context)
            for index in living
            if index.is_searched and index.ready
        )
        self.inverted = tuple(
            InvertedShape(index, table, self.types, context)
            for index in living
            if index.inverted and index.ready
        )
        constraints = catalog.constraints_of(table.oid)
        deferrable = {item.index: item for item in constraints if item.kind in "pu"}
        for shape in self.indexes:
            shape.constraint = deferrable.get(shape.index.oid)
        self.unique_indexes = tuple(shape for shape in self.indexes if shape.index.unique)
        self.key_attributes = frozenset(
            number
            for shape in self.unique_indexes
            if shape.may_be_referred_to
            for number in shape.attributes
        )
        """Attributes that others may refer to: who is to change one locks the row FOR UPDATE."""
        self.checked_later: tuple[Constraint, ...] = tuple(
            constraint
            for constraint in constraints
            if constraint.kind in "fx" and _is_checked(constraint, context)
        )
        """Foreign keys and exclusions: new rows are looked at after the statement."""
        self.key_casts: dict[int, Any] = {}
        """What makes keys of rows, by foreign key; filled as they are first looked at."""
        self.has_exclusions = any(item.kind == "x" for item in self.checked_later)
        self.references: tuple[Constraint, ...] = references_of(table, context)
        self.triggers = triggers_of(table, context)
        self.unfilled_attributes = frozenset(
            number
            for index in living
            if index.has_entries and not index.ready
            for number in index_attributes(index, table, context)
        )
        """Attributes of indexes that are about to be filled: rows are marked whose keys change."""
        self.watched_beyond_keys = self._watched_beyond_keys()
        """Attributes whose change concerns more than the row itself and its keys."""
        keys = {number for shape in self.indexes for number in shape.attributes}
        self.watched = self.watched_beyond_keys | keys
        """Attributes whose change concerns more than the row itself."""

    def _watched_beyond_keys(self) -> frozenset[int]:
        watched = {number for shape in self.inverted for number in shape.attributes}
        watched |= self.unfilled_attributes
        watched |= {number for item in self.checked_later for number in item.columns}
        if self.has_exclusions:  # expressions may read any
            watched |= {column.number for column in self.table.live_columns}
        watched |= {number for item in self.references for number in item.referenced_columns}
        return frozenset(watched)

    def load_row(self, stored: Sequence[Any]) -> Row:
        """The row form of stored values of all attributes, and maybe of columns nobody uses."""
        return tuple(
            load_value(value, reference)
            for value, reference in zip(stored, self.types, strict=False)
        )

    def store_row(self, row: Sequence[Value | None]) -> tuple[Any, ...]:
        """The stored form of a row."""
        return tuple(
            store_value(value, reference) for value, reference in zip(row, self.types, strict=True)
        )

    def key_of(self, shape: IndexShape, context: ExecutionContext) -> Callable[[Any], bytes | None]:
        """What gives the key that stored values have in an index."""
        return lambda stored: shape.key(self.load_row(stored), context)

    def load_batch(self, view: Any, only: Container[int] | None = None) -> Batch:
        """All attributes of the rows of a view; only: these attributes, the others are NULL."""
        columns: list[Column] = []
        for index, reference in enumerate(self.types):
            if only is None or index + 1 in only:
                columns.append(stored_column(view, index, reference))
            else:
                columns.append(_all_null(view.count))
        return Batch(tuple(columns), view.count)

    def unique_index_on(self, attributes: Sequence[int]) -> IndexShape | None:
        """A unique index whose keys are just these attributes, in any order.

        Without a predicate.
        """
        for shape in self.unique_indexes:
            numbers = [key.number for key in shape.index.keys]
            if sorted(numbers) == sorted(attributes) and shape.is_complete:
                return shape
        return None

    def plain_keys(self) -> tuple[KeyColumns, ...] | None:
        """What is inserted into the indexes of a row, if they are all of stored columns; else None."""
        if self.inverted or not all(shape.is_insertable for shape in self.indexes):
            return None
        return tuple(shape.key_columns() for shape in self.indexes)

    def moved_keys(self, numbers: Collection[int]) -> tuple[KeyColumns, ...] | None:
        """The indexes in which a row may get another key with these attributes; None: more hangs on them."""
        if not self.watched_beyond_keys.isdisjoint(numbers):
            return None
        moved = [shape for shape in self.indexes if not shape.attributes.isdisjoint(numbers)]
        if not all(shape.is_insertable for shape in moved):
            return None
        return tuple(shape.key_columns() for shape in moved)

    def index_led_by(self, attributes: Sequence[int]) -> IndexShape | None:
        """An index whose first keys are these attributes in any order, without a predicate."""
        for shape in self.indexes:
            numbers = [key.number for key in shape.index.keys[: len(attributes)]]
            if sorted(numbers) == sorted(attributes) and shape.is_complete:
                return shape
        return None


def _is_checked(constraint: Constraint, context: ExecutionContext) -> bool:
    """Whether new rows are looked at: a trigger does that, unless it is an exclusion whose index would."""
    if constraint.kind == "x" and not constraint.deferrable:
        return True
    return constraint.check_enabled in context.firing_states


def references_of(table: Table, context: ExecutionContext) -> tuple[Constraint, ...]:
    """The foreign keys to a table or to one that it is a partition of; partitions have keys of their own."""
    catalog = context.catalog
    found = list(catalog.references_to(table.oid))
    for above in ancestors_of(catalog, table):
        found += [
            replace(item, referenced_columns=same_columns(above, table, item.referenced_columns))
            for item in catalog.references_to(above.oid)
        ]
    return tuple(
        item
        for item in found
        if catalog.object(item.table).kind != "p" and item.action_enabled in context.firing_states
    )


def shape_of(table: Table, context: ExecutionContext) -> TableShape:
    """The shape of a table, made once a program."""
    shapes = context.shapes
    found = shapes.get(table.oid)
    if found is None or found.table is not table:
        found = shapes[table.oid] = TableShape(table, context)
    return found


def _all_null(count: int) -> Column:
    """A column that nobody looks at."""
    return Column(np.zeros(count, np.int32), np.zeros(count, np.bool_))
