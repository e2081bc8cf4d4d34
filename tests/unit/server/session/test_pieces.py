"""Batches of results go out in pieces that are soon written."""

from __future__ import annotations

import numpy as np
import pytest

from server.session.results import PIECE_COST, SAMPLE_ROWS, data_rows, pieces
from server.types.registry import TYPE_BY_NAME
from server.types.type import TextStyle, TypeReference
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import column_of
from server.vector.text_views import views_of
from server.vector.texts import TextColumn

INT4, TEXT, UUID = (TypeReference(TYPE_BY_NAME[name]) for name in ("int4", "text", "uuid"))
STYLE = TextStyle()
COUNT = 65_536


def texts(length: int, count: int = COUNT) -> Column:
    return TextColumn(*views_of([b"x" * length] * count))


@pytest.mark.parametrize(
    ("column", "reference", "piece_count"),
    [
        (Column(np.zeros(COUNT, np.int32)), INT4, 1),
        (texts(8), TEXT, 1),
        (texts(1280), TEXT, 11),
        (column_of([None] * COUNT, np.dtype(object)), UUID, 16),
        (Column(np.zeros(COUNT, np.int32), None, None, texts(1280, COUNT)), TEXT, 1),
        (texts(1 << 20, SAMPLE_ROWS), TEXT, 1),
    ],
)
def test_the_dearer_a_row_the_shorter_a_piece(
    column: Column, reference: TypeReference, piece_count: int
):
    batch = Batch((column,), len(column))
    parts = list(pieces(batch, (reference,), (0,), STYLE))
    assert len(parts) == piece_count
    assert sum(part.count for part in parts) == batch.count


def test_pieces_have_the_rows_of_the_batch():
    numbers = Column(np.arange(COUNT, dtype=np.int32))
    batch = Batch((numbers,) * 20, COUNT)
    kinds, formats = (INT4,) * 20, (0,) * 20
    parts = list(pieces(batch, kinds, formats, STYLE))
    assert max(part.count for part in parts) <= PIECE_COST // 20
    written = [data_rows(part, kinds, formats, STYLE).data for part in parts]
    assert b"".join(written) == data_rows(batch, kinds, formats, STYLE).data
