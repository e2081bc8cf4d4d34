"""The compiled readers of fields give what the Python ones give."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.types import fields as original

native = pytest.importorskip("server.types.native.fields")

DIGITS = st.text("0123456789", min_size=1, max_size=21)
NUMBERS = st.builds(
    lambda sign, whole, rest: (sign + whole + rest).encode(),
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.sampled_from(["", ".", "e5", "e-5", "e100", "x"]) | DIGITS.map(lambda text: "." + text),
)
TWO = st.integers(0, 61).map(lambda number: f"{number:02d}")
DATES = st.builds(
    lambda year, month, day: f"{year:04d}-{month}-{day}", st.integers(0, 9999), TWO, TWO
) | st.dates().map(str)
TIMES = st.builds(lambda *parts: ":".join(parts), TWO, TWO, TWO)
TAILS = st.sampled_from(["", ".5", ".123456", ".1234567", ".", "+02", "-05:30", "+1", "+16", "Z"])
STAMPS = st.builds(
    lambda date, mark, time, decimals, tail: (date + mark + time + decimals + tail).encode(),
    DATES,
    st.sampled_from([" ", "T", "x"]),
    TIMES,
    TAILS,
    TAILS,
)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)
FIELDS = {
    "numbers": st.lists(st.none() | NUMBERS, max_size=8),
    "dates": st.lists(st.none() | DATES.map(str.encode) | NUMBERS, max_size=8),
    "stamps": st.lists(st.none() | STAMPS | DATES.map(str.encode), max_size=8),
}


def same(one: Any, other: Any) -> Any:
    assert one[0].dtype == other[0].dtype
    return [part.tolist() for part in one[:2]] + [one[2]] == [
        part.tolist() for part in other[:2]
    ] + [other[2]]


@QUICK
@given(FIELDS["numbers"], st.sampled_from([16, 32, 64]))
def test_integers(fields, bits):
    assert same(native.read_integers(fields, bits), original.read_integers(fields, bits))


@QUICK
@given(FIELDS["numbers"], st.integers(1, 18), st.integers(0, 20))
def test_scaled(fields, precision, scale):
    assert same(
        native.read_scaled(fields, precision, scale), original.read_scaled(fields, precision, scale)
    )


@QUICK
@given(FIELDS["numbers"])
def test_floats(fields):
    assert same(native.read_floats(fields), original.read_floats(fields))


@QUICK
@given(FIELDS["numbers"])
def test_numbers(fields):
    assert same(native.read_numbers(fields), original.read_numbers(fields))


def test_numbers_keep_their_scale_and_lose_their_zeros():
    fields = [b"007.10", b"-0", b"-0.0", b"0.00", b"9" * 101, b".5", b"1e3", None, b"-0.10", b"NaN"]
    for module in (native, original):
        values, valid, others = module.read_numbers(fields)
        assert others == [1, 2, 4, 5, 6, 9]
        assert [str(value) for value in values[[0, 3, 8]]] == ["7.10", "0.00", "-0.10"]
        assert valid.tolist() == [field is not None for field in fields]


@QUICK
@given(FIELDS["dates"])
def test_dates(fields):
    assert same(native.read_dates(fields), original.read_dates(fields))


@QUICK
@given(FIELDS["stamps"], st.sampled_from([0, 3600, original.UNKNOWN_OFFSET]), st.booleans())
def test_timestamps(fields, offset, has_offsets):
    assert same(
        native.read_timestamps(fields, offset, has_offsets),
        original.read_timestamps(fields, offset, has_offsets),
    )


def test_boundaries_of_scaled_numbers():
    fields = [b"9.99", b"9.995", b"9.994", b"-9.995", b"10", b"0.005", b"-0.004", b"007.1"]
    for module in (native, original):
        values, _, others = module.read_scaled(fields, 3, 2)
        assert values.tolist() == [999, 0, 999, 0, 0, 1, 0, 710]
        assert others == [1, 3, 4]
