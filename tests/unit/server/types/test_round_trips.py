"""What is written reads back: text, binary and stored forms of every type, for any value."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.types.array import Array, make_array
from server.types.calendar import (
    DATE_END,
    DATE_INFINITY,
    DATE_MIN,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MIN,
    US_PER_DAY,
)
from server.types.interval_style import Interval
from server.types.jsonb import Jsonb, make_object
from server.types.order import sort_key_of
from server.types.registry import TYPE_BY_NAME
from server.types.times import TimeTz
from server.types.type import TextStyle

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1.500"), Decimal(0)]
)
JSON = st.recursive(
    st.none() | st.booleans() | TEXT | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(TEXT, inner), max_size=3).map(make_object)
    ),
    max_leaves=8,
)
INT4 = st.integers(-(1 << 31), (1 << 31) - 1)
INT8 = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.floats(allow_nan=True)
VALUES = {
    "bool": st.booleans(),
    "int2": st.integers(-(1 << 15), (1 << 15) - 1),
    "int4": INT4,
    "int8": INT8,
    "oid": st.integers(0, (1 << 32) - 1),
    "tid": st.integers(0, (1 << 48) - 1),
    "pg_lsn": st.integers(0, (1 << 63) - 1),
    "float4": st.floats(width=32),
    "float8": FLOATS,
    "numeric": DECIMALS,
    "text": TEXT,
    "varchar": TEXT,
    "char": st.characters(max_codepoint=255, exclude_characters="\0"),
    "bytea": st.binary(max_size=40),
    "uuid": st.binary(min_size=16, max_size=16),
    "date": st.integers(DATE_MIN, DATE_END - 1) | st.just(DATE_INFINITY),
    "time": st.integers(0, US_PER_DAY),
    "timetz": st.builds(TimeTz, st.integers(0, US_PER_DAY), st.integers(-57599, 57599)),
    "timestamp": st.integers(TIMESTAMP_MIN, TIMESTAMP_END - 1) | st.just(TIMESTAMP_INFINITY),
    "timestamptz": st.integers(TIMESTAMP_MIN, TIMESTAMP_END - 1) | st.just(TIMESTAMP_INFINITY),
    "interval": st.builds(Interval, INT4, INT4, INT8),
    "jsonb": JSON.map(Jsonb),
    "varbit": st.text("01"),
    "_int4": st.lists(st.none() | INT4).map(lambda items: make_array(23, tuple(items))),
    "_text": st.lists(st.none() | TEXT).map(lambda items: make_array(25, tuple(items))),
    "_numeric": st.lists(DECIMALS, min_size=2, max_size=2).map(
        lambda items: Array(1700, ((1, -2), (2, 5)), tuple(items))
    ),
}
STYLES = [
    TextStyle(),
    TextStyle(date_style="SQL", date_order="DMY", interval_style="postgres_verbose"),
    TextStyle(date_style="German", date_order="DMY", interval_style="iso_8601"),
    TextStyle(date_style="Postgres", bytea_output="escape"),
]
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.parametrize("name", VALUES)
def test_forms_read_back(name):
    type_ = TYPE_BY_NAME[name]

    def key(value: Any) -> Any:
        return sort_key_of(type_, value)

    @QUICK
    @given(VALUES[name], st.sampled_from(STYLES))
    def check(value: Any, style: Any) -> Any:
        assert key(type_.receive(type_.send(value), -1)) == key(value)
        if type_.store_value is not None:
            assert type_.load_value is not None
            assert key(type_.load_value(type_.store_value(value, -1), -1)) == key(value)
        text = type_.format(value, style)
        again = type_.parse(text, -1, style)
        assert key(again) == key(value)
        assert type_.format(again, style) == text

    check()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "EST5EDT"])
def test_instants_read_back_in_every_zone(zone):
    type_ = TYPE_BY_NAME["timestamptz"]
    style = TextStyle(time_zone=zone)

    @QUICK
    @given(st.integers(TIMESTAMP_MIN + 2 * US_PER_DAY, TIMESTAMP_END - 2 * US_PER_DAY))
    def check(value: Any) -> Any:
        assert type_.parse(type_.format(value, style), -1, style) == value

    check()
