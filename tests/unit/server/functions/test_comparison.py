"""Comparisons over columns: each form they come in agrees with the row form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.functions.function import CallContext
from server.functions.registry import FUNCTION_BY_OID
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.rows import constant_column, values_of
from server.vector.text_views import views_of
from server.vector.texts import TextColumn

BOOLEAN = TypeReference(TYPE_BY_OID[16])
NUMERIC = {1718: "eq", 1719: "ne", 1720: "gt", 1721: "ge", 1722: "lt", 1723: "le"}
TEXT = {67: "texteq", 157: "textne", 740: "text_lt", 741: "text_le", 742: "text_gt", 743: "text_ge"}
BLANK = {1048: "bpchareq", 1053: "bpcharne", 1049: "bpcharlt", 1052: "bpcharge"}


def compared(oid: int, left: Column, right: Column) -> list[Any]:
    function = FUNCTION_BY_OID[oid]
    assert function.kernel is not None
    known = CallContext(TextStyle(), BOOLEAN, (), None)
    return values_of(function.kernel(known, left, right, count=len(left)))


@pytest.mark.parametrize("oid", NUMERIC)
@pytest.mark.parametrize(
    "constant", ["1.5", "1.505", "-1.505", "1.5000", "0", "123456789012345678901234567890", "1e-30"]
)
def test_scaled_decimals_and_a_constant(oid: int, constant: str):
    rows = [150, 151, 149, -150, -151, 0, 2**62, -(2**62)]
    column = Column(np.array(rows), None, 2)
    value = Decimal(constant)
    row = FUNCTION_BY_OID[oid].row
    assert row is not None
    expected = [row(Decimal(number).scaleb(-2), value) for number in rows]
    whole = Column(np.array([value] * len(rows), object))
    assert compared(oid, column, constant_column(value, np.dtype(object), len(rows))) == expected
    assert compared(oid, column, whole) == expected


@pytest.mark.parametrize("oid", [*TEXT, *BLANK])
@pytest.mark.parametrize("constant", ["", "a", "b  ", "a long constant", "é"])
def test_stored_texts_and_a_constant(oid: int, constant: str):
    rows = ["", "a", "a  ", "b", "b ", "a long constant", "a long constant  ", "é", "zz"]
    column = TextColumn(*views_of([row.encode() for row in rows]))
    repeated = constant_column(constant, np.dtype(object), len(rows)).decoded()
    row = FUNCTION_BY_OID[oid].row
    assert row is not None
    assert compared(oid, column, repeated) == [row(text, constant) for text in rows]
    assert compared(oid, repeated, column) == [row(constant, text) for text in rows]
    others = TextColumn(*views_of([row.encode() for row in rows[::-1]]))
    pairs = zip(rows, rows[::-1], strict=True)
    assert compared(oid, column, others) == [row(*pair) for pair in pairs]
