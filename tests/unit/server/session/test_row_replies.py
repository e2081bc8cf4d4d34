"""Rows written by the twin are those that encoders make."""

from decimal import Decimal

import pytest

from server.session import native, row_replies
from server.session.lane import _encoder
from server.types.numeric import NAN_STORED
from server.types.registry import TYPE_BY_OID
from server.types.type import PLAIN_STYLE, TypeReference

SCALED = (12 << 16 | 3) + 4
COLUMNS = (
    (20, -1, [0, -1, 2**63 - 1, -(2**63), None]),
    (21, -1, [5, None, -32768]),
    (23, -1, [5, None, -(2**31)]),
    (26, -1, [7, 2**32 - 1, None]),
    (16, -1, [True, False, None]),
    (701, -1, [1.5, float("nan"), float("inf"), -0.0, 1e300]),
    (1082, -1, [0, -1, 8000, 2**31 - 1, -(2**31)]),
    (1114, -1, [0, -1, 757454400000000, 2**63 - 1, -(2**63)]),
    (1184, -1, [0, 1, 757454400123456, 2**63 - 1]),
)
STORED = (
    (25, -1, [b"", "ä€".encode(), None]),
    (1042, 8, [b"ab  "]),
    (1700, SCALED, [0, -5, 123456, NAN_STORED, None]),
    (1700, -1, [b"1.50", b"NaN"]),
)
TEXTS = ((25, -1, ["", "ä€", None]), (1700, SCALED, [Decimal("1.500"), Decimal("NaN")]))


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize(
    ("column", "is_stored"),
    [(each, False) for each in COLUMNS + TEXTS] + [(each, True) for each in STORED],
)
def test_fields_are_the_same(column, is_stored, is_binary):
    oid, modifier, values = column
    reference = TypeReference(TYPE_BY_OID[oid], modifier)
    encoder = _encoder(reference, is_binary, is_stored, PLAIN_STYLE)
    kind, scale = row_replies.field_kind(
        reference, PLAIN_STYLE, is_binary=is_binary, is_stored=is_stored
    )
    rows = [(value, value) for value in values]
    given = (rows, bytes([kind] * 2), bytes([scale] * 2), (encoder, encoder))
    assert native.frame_rows(*given) == row_replies.frame_rows(*given)
