"""The keys of a view's rows as a matrix: of stored columns, of expressions, of the part that a predicate chooses.

Rule 1: what storage keeps in the form of keys is taken from there; only the rest is loaded, and computed by batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.engine import PartList, encode_matrix

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import TableShape
    from server.vector.batch import Batch
    from server.vector.column import Mask, Positions
    from storage.engine import KeyMatrix, Kind, ScanView


@dataclass(frozen=True, slots=True)
class ViewKeys:
    """The keys of those rows of a view that are in an index; places: which those are, None for all."""

    keys: KeyMatrix
    places: Positions | None
    has_null: Mask | None  # which of them have a NULL in their key; None: none has


def view_keys(
    context: ExecutionContext, table_shape: TableShape, shape: IndexShape, view: ScanView
) -> ViewKeys | None:
    """The keys of a view's rows; None: they do not fit into a matrix."""
    rows = _Rows(context, table_shape, shape, view)
    if shape.index.predicate is not None:
        rows.choose()
    found = [rows.parts(position) for position in range(len(shape.parts))]
    values, nulls, kinds = zip(*found, strict=True)
    keys = encode_matrix(values, nulls, kinds, shape.descending, shape.nulls_first)
    if keys is None:
        return None
    has_null = None
    for mask in nulls:
        if mask is not None:
            has_null = mask if has_null is None else has_null | mask
    return ViewKeys(keys, rows.places, has_null)


class _Rows:
    """The rows of a view that are in the index, loaded when they are first asked for."""

    def __init__(
        self,
        context: ExecutionContext,
        table_shape: TableShape,
        shape: IndexShape,
        view: ScanView,
    ) -> None:
        self._context = context
        self._table_shape = table_shape
        self._shape = shape
        self._view = view
        self._batch: Batch | None = None
        self.places: Positions | None = None

    def choose(self) -> None:
        """Leave those for which the predicate is true."""
        batch = self.batch()
        self.places = self._shape.chosen(batch, self._context)
        if self.places is not None:
            self._batch = batch.take(self.places)

    def batch(self) -> Batch:
        """The attributes that the index is made of."""
        if self._batch is None:
            self._batch = self._table_shape.load_batch(self._view, self._shape.attributes)
        return self._batch

    def parts(self, position: int) -> tuple[Any, Mask | None, Kind]:
        """One column of the keys, as `encode_matrix` takes it: values, where they are NULL, kind."""
        shape = self._shape
        part, number = shape.parts[position], shape.index.keys[position].number
        if number:
            values, valid = self._view.column(number - 1, self.places)
            stored = part.stored(values, valid)
            if stored is not None:
                return stored, None if valid is None else ~valid, part.kind
        found, nulls, kind = part.column(shape.key_column(position, self.batch(), self._context))
        return PartList(found) if isinstance(found, list) else found, nulls, kind
