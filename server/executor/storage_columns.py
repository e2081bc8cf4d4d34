"""Columns out of what storage keeps, and back.

Rule 1: rows are picked before values are decoded.
Rule 2: an attribute is in storage under its number less one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import FeatureNotSupported
from server.executor.native import ViewCodes
from server.functions.json_documents import NORMAL, WRITTEN, documents
from server.vector.column import Column, Mask, Positions, Values
from server.vector.rows import objects
from server.vector.texts import TextColumn, text_column
from storage.engine import Framed, StringViews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.type import TypeReference, Value
    from storage.engine import Version

CODED_ROWS_MIN: Final = 1024
CODED_ROWS_PER_WORD: Final = 8
STORED_ROWS_PER_WORD: Final = 2
"""So many rows to a word that storage has codes for are worth remembering the codes of."""
SAMPLE_ROWS: Final = 512

_STRING_OIDS: Final = frozenset({25, 1043, 1042, 705})
"""Types whose row form is the str of their stored bytes."""

_DOCUMENT_FORMS: Final = {114: WRITTEN, 3802: NORMAL}
"""Types whose stored bytes are texts of JSON."""


def stored_column(
    view: Any,
    number: int,
    reference: TypeReference,
    places: Positions | None = None,
    *,
    as_views: bool = False,
) -> Column:
    """Make a column of what the rows of a view, or those at some places, have in storage under a number.

    as_views: texts are left where they lie, whether they repeat or not; those that storage has as codes stay codes.
    """
    if reference.oid in _STRING_OIDS:
        coded = _column_of_words(view, number, places)
        if coded is not None:
            return coded
    values, valid = view.column(number, places)
    return load_column(values, valid, reference, as_views=as_views)


def machine_inputs(
    view: Any, numbers: Sequence[int], places: Positions | None = None
) -> list[tuple[Any, Mask | None]]:
    """Columns of a view's rows as the vector machine reads them: codes where they can be computed with."""
    inputs = []
    for number in numbers:
        coded = view.codes(number, places)
        if coded is None or not isinstance(coded[0], Framed):
            coded = view.column(number, places)
        inputs.append(coded)
    return inputs


def load_column(
    values: Any, valid: Mask | None, reference: TypeReference, *, as_views: bool = False
) -> Column:
    """Make a column of stored values: an array of the kind's dtype, or string views."""
    if isinstance(values, np.ndarray):
        return reference.type.from_storage(values, valid, reference.modifier)
    if reference.oid in _STRING_OIDS:
        coded = None if as_views else _coded_column(values, valid)
        return coded or TextColumn(values.store, values.views, valid, _decoded_views)
    form = _DOCUMENT_FORMS.get(reference.oid)
    if form is not None and isinstance(values, StringViews):
        return documents(TextColumn(values.store, values.views, valid, _decoded_views), form)
    return reference.type.from_storage(values.to_list(), valid, reference.modifier)


def _column_of_words(view: Any, number: int, places: Positions | None) -> Column | None:
    """Texts that storage has as codes; None: it does not, or there are too many words for so few rows."""
    found = view.codes(number, places)
    if found is None:
        return None
    coded, valid = found
    if len(coded.words) * STORED_ROWS_PER_WORD > max(len(coded), CODED_ROWS_MIN):
        return None
    words = view.words(number, coded.words)
    dictionary = TextColumn(words.store, words.views, None, _decoded_views)
    column = Column(coded.codes.astype(np.int32), valid, None, dictionary)
    if len(coded.words) * CODED_ROWS_PER_WORD > max(len(coded), CODED_ROWS_MIN):
        return text_column(column).with_codes(column)
    return column


def _decoded_views(store: Values, views: Values) -> Values:
    return StringViews(store, views).to_str()


def _coded_column(strings: Any, valid: Mask | None) -> Column | None:
    """Short strings that repeat as codes, each decoded once; None if they are long or differ."""
    count = len(strings)
    if count < CODED_ROWS_MIN:
        return None
    table = ViewCodes()
    if table.add(strings.views[:SAMPLE_ROWS], SAMPLE_ROWS // CODED_ROWS_PER_WORD) is None:
        return None
    codes = table.add(strings.views, count // CODED_ROWS_PER_WORD)
    if codes is None:
        return None
    words = Column(objects([word.decode() for word in table.words()]))
    return Column(codes.astype(np.int32), valid, None, words)


def load_value(stored: Any, reference: TypeReference) -> Value | None:
    """The row form of one stored value."""
    load = reference.type.load_value
    if stored is None or load is None:
        return stored
    return load(stored, reference.modifier)


def store_value(value: Value | None, reference: TypeReference) -> Any:
    """The stored form of one value."""
    store = reference.type.store_value
    if value is None or store is None:
        return value
    return store(value, reference.modifier)


def store_columns(
    columns: Sequence[Column], references: Sequence[TypeReference]
) -> tuple[list[Any], list[Mask | None]]:
    """Stored forms of columns, and where they are NULL (None: nowhere)."""
    values = [
        reference.type.to_storage(column, reference.modifier)
        for column, reference in zip(columns, references, strict=True)
    ]
    nulls = [~column.validity() if column.has_nulls else None for column in columns]
    return values, nulls


def system_column(attribute: int, view: Any, table_oid: int, positions: Positions | None) -> Column:
    """A system column of the rows of a view."""
    if attribute not in SYSTEM_COLUMNS:
        raise FeatureNotSupported(f"system column {attribute} is not supported")
    values = SYSTEM_COLUMNS[attribute](view, table_oid)
    return Column(values if positions is None else values[positions])


SYSTEM_COLUMNS: Final[dict[int, Any]] = {
    -1: lambda view, table_oid: view.row_ids + 1,  # slots are counted from 0, ctids from 1
    -2: lambda view, table_oid: view.stamps()[0].astype(np.int64) >> 16,
    -3: lambda view, table_oid: view.stamps()[0].astype(np.int64) & 0xFFFF,
    -4: lambda view, table_oid: view.stamps()[1].astype(np.int64) >> 16,
    -5: lambda view, table_oid: view.stamps()[1].astype(np.int64) & 0xFFFF,
    -6: lambda view, table_oid: np.full(view.count, table_oid, np.int64),
    -7: lambda view, table_oid: view.row_ids,
    -8: lambda view, table_oid: view.row_ids,
}
"""What gives each system column, by attribute number."""


def system_values(version: Version, table_oid: int) -> dict[int, int]:
    """The system columns of one version, by attribute number."""
    return {
        -1: version.row_id + 1,
        -2: version.xmin >> 16,
        -3: version.xmin & 0xFFFF,
        -4: version.xmax >> 16,
        -5: version.xmax & 0xFFFF,
        -6: table_oid,
        -7: version.row_id,
        -8: version.row_id,
    }
