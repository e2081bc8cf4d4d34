"""Rows framed as DataRow and COPY messages, by the specification and by its compiled twin."""

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import rows as specification
from protocol.rows import ColumnKind, EncodeColumn

TWIN = importlib.import_module("protocol.native.rows")
DTYPES = {
    ColumnKind.BOOL: np.bool_,
    ColumnKind.INT16: np.int16,
    ColumnKind.INT32: np.int32,
    ColumnKind.INT64: np.int64,
    ColumnKind.UINT32: np.uint32,
    ColumnKind.FLOAT4: np.float32,
    ColumnKind.FLOAT8: np.float64,
    ColumnKind.DATE: np.int32,
    ColumnKind.TIMESTAMP: np.int64,
    ColumnKind.TIMESTAMPTZ: np.int64,
    ColumnKind.DECIMAL: np.int64,
    ColumnKind.BYTES: np.object_,
    ColumnKind.DICTIONARY: np.int32,
}
INT64_EDGES = [0, 1, -1, 9, 10, 99, 100, 9999, 10000, -10001, 10**18, 2**63 - 1, -(2**63)]
FLOAT8_EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e14,
    1e15,
    999999999999999.0,
    1e-4,
    1e-5,
    1e16,
    1e22,
    1e23,
    -1e23,
    2.0**55,
    -(2.0**56),
    2.0**53,
    2.0**54,
    9007199254740993e3,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    math.pi * 1e20,
    math.inf,
    -math.inf,
    math.nan,
]
FLOAT4_EDGES = [0.0, -0.0, 0.1, 1e5, 1e6, 16777216.0, 1e10, 123456.79, 1e-4, 1e-5, 3.4e38, math.inf]
DAYS_EDGES = [0, -1, 59, 60, 366, -730_485, -730_486, 2_922_305, 2_145_031_948, -2_451_507]
EDGES: dict[ColumnKind, list[Any]] = {
    ColumnKind.BOOL: [True, False],
    ColumnKind.INT16: [0, 7, -32768, 32767],
    ColumnKind.INT32: [0, -1, 2**31 - 1, -(2**31)],
    ColumnKind.INT64: INT64_EDGES,
    ColumnKind.UINT32: [0, 2**32 - 1],
    ColumnKind.FLOAT4: FLOAT4_EDGES,
    ColumnKind.FLOAT8: FLOAT8_EDGES,
    ColumnKind.DATE: [*DAYS_EDGES, 2**31 - 1, -(2**31)],
    ColumnKind.TIMESTAMP: [day * 86_400_000_000 - 1 for day in range(-800_000, 900_000, 77_777)],
    ColumnKind.TIMESTAMPTZ: [0, 1, 100_000, 1_500_000, 2**63 - 1, -(2**63), -(2**60)],
    ColumnKind.DECIMAL: INT64_EDGES,
    ColumnKind.BYTES: [b"", "", b"abc", "héllo", None, "a\tb\\c\n", b"\0\xff"],
    ColumnKind.DICTIONARY: [0, 1, 2, 0],
}


def column(kind: ColumnKind, values: Any, **rest: Any) -> EncodeColumn:
    dictionary = (b"x", b"", b"tab\there") if kind is ColumnKind.DICTIONARY else ()
    return EncodeColumn(
        kind=kind, values=np.array(values, dtype=DTYPES[kind]), dictionary=dictionary, **rest
    )


@pytest.fixture(params=[specification, TWIN], ids=["python", "native"])
def rows(request):
    return request.param


def test_data_row_bytes(rows):
    columns = [
        column(ColumnKind.INT32, [1, -20]),
        column(ColumnKind.BYTES, ["a", None]),
        column(ColumnKind.BOOL, [True, False], valid=np.array([False, True]), binary=True),
    ]
    assert rows.encode_rows(columns, 2) == (
        b"D\0\0\0\x14\0\x03\0\0\0\x011\0\0\0\x01a\xff\xff\xff\xff"
        b"D\0\0\0\x16\0\x03\0\0\0\x03-20\xff\xff\xff\xff\0\0\0\x01\0"
    )


def test_rows_without_columns_are_still_rows(rows):
    assert rows.encode_rows([], 2) == b"D\0\0\0\x06\0\0" * 2


def test_no_rows(rows):
    assert rows.encode_rows([column(ColumnKind.INT64, [])], 0) == b""


def test_frame_rows_takes_lists(rows):
    assert rows.frame_rows([[b"a", None]], 2) == (
        b"D\0\0\0\x0b\0\x01\0\0\0\x01aD\0\0\0\x0a\0\x01\xff\xff\xff\xff"
    )


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (ColumnKind.FLOAT8, 1e23, b"9.999999999999999e+22"),
        (ColumnKind.FLOAT8, 1e15, b"1e+15"),
        (ColumnKind.FLOAT8, 123456789012345.0, b"123456789012345"),
        (ColumnKind.FLOAT8, 1e-5, b"1e-05"),
        (ColumnKind.FLOAT8, -0.0, b"-0"),
        (ColumnKind.FLOAT8, 0.0001, b"0.0001"),
        (ColumnKind.FLOAT8, 1234567890123456.0, b"1.234567890123456e+15"),
        (ColumnKind.FLOAT4, 1e14, b"1e+14"),
        (ColumnKind.FLOAT4, 123456.789, b"123456.79"),
        (ColumnKind.FLOAT4, 9007199254740993, b"9.007199e+15"),
        (ColumnKind.DATE, -730_485, b"0001-01-01 BC"),
        (ColumnKind.DATE, 2_145_031_948, b"5874897-12-31"),
        (ColumnKind.TIMESTAMP, 0x038103BAFB39BAFA, b"10000-12-31 01:02:03.12345"),
        (ColumnKind.TIMESTAMPTZ, 0xFF1FC63D1BB8C120 - 2**64, b"0001-01-01 00:00:00.5+00 BC"),
    ],
)
def test_text_is_what_postgresql_15_prints(rows, kind, value, text):
    assert rows.encode_rows([column(kind, [value])], 1)[11:] == text


@pytest.mark.parametrize(
    ("unscaled", "scale", "data"),
    [
        (0, 0, "0000000000000000"),
        (0, 2, "0000000000000002"),
        (123456789, 4, "0003000100000004000109291a85"),
        (-1, 4, "0001ffff400000040001"),
        (100000000, 0, "00010002000000000001"),
        (100000001, 4, "0003000100000004000100000001"),
        (-123456789012345678, 0, "0005000440000000000c0d801ed204d2162e"),
        (5, 1, "0001ffff000000011388"),
        (110, 2, "0002000000000002000103e8"),
    ],
)
def test_numeric_send_of_postgresql_15(rows, unscaled, scale, data):
    encoded = rows.encode_rows(
        [column(ColumnKind.DECIMAL, [unscaled], scale=scale, binary=True)], 1
    )
    assert encoded[11:].hex() == data


@pytest.mark.parametrize("kind", ColumnKind)
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_twins_agree_on_the_edges(kind, binary, masked):
    values = EDGES[kind]
    valid = np.arange(len(values)) % 3 != 1 if masked else None
    for scale in (0, 1, 2, 5, 18) if kind is ColumnKind.DECIMAL else (0,):
        columns = [column(kind, values, valid=valid, binary=binary, scale=scale)]
        expected = specification.encode_rows(columns, len(values))
        assert TWIN.encode_rows(columns, len(values)) == expected
        expected = specification.encode_rows(columns, len(values), b"d")
        assert TWIN.encode_rows(columns, len(values), b"d") == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(), max_size=30))
def test_twins_agree_on_doubles(values):
    columns = [column(ColumnKind.FLOAT8, values)]
    expected = specification.encode_rows(columns, len(values))
    assert TWIN.encode_rows(columns, len(values)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**12), 10**12), max_size=30), st.integers(0, 9))
def test_twins_agree_on_short_decimals(unscaled, scale):
    values = [number / 10**scale for number in unscaled]
    columns = [column(ColumnKind.FLOAT8, values)]
    expected = specification.encode_rows(columns, len(values))
    assert TWIN.encode_rows(columns, len(values)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), max_size=20))
def test_twins_agree_on_singles(values):
    columns = [column(ColumnKind.FLOAT4, values)]
    expected = specification.encode_rows(columns, len(values))
    assert TWIN.encode_rows(columns, len(values)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**9), max_size=30), st.integers(0, 25))
def test_twins_agree_on_decimals_between_doubles(mantissas, exponent):
    values = [float(mantissa * 10**exponent) for mantissa in mantissas]
    columns = [column(ColumnKind.FLOAT8, values)]
    expected = specification.encode_rows(columns, len(values))
    assert TWIN.encode_rows(columns, len(values)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.integers(0, 20))
def test_twins_agree_on_integers(values, scale):
    for kind in (ColumnKind.DECIMAL, ColumnKind.TIMESTAMP):
        for binary in (False, True):
            columns = [column(kind, values, scale=scale, binary=binary)]
            expected = specification.encode_rows(columns, len(values))
            assert TWIN.encode_rows(columns, len(values)) == expected


def test_strided_views_are_read_right(rows):
    values = np.arange(10, dtype=np.int64)[::3]
    encoded = rows.encode_rows([EncodeColumn(kind=ColumnKind.INT64, values=values)], 4)
    assert [encoded[start + 11 : start + 12] for start in range(0, 48, 12)] == [
        b"0",
        b"3",
        b"6",
        b"9",
    ]


def test_twin_refuses_codes_outside_of_the_dictionary():
    with pytest.raises(IndexError):
        TWIN.encode_rows([column(ColumnKind.DICTIONARY, [3])], 1)
    with pytest.raises(AssertionError):
        TWIN.encode_rows([column(ColumnKind.INT32, [3])], 2)
