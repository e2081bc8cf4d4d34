"""Column codecs agree with those of single values, NULLs and dictionaries included."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.errors import SqlError
from server.types.columns import object_array
from server.types.names import parse_type
from server.types.numeric import NAN, numeric_modifier
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE, TextStyle
from server.vector.column import Column

TEXTS = {
    "bool": ["t", "f", None, "t"],
    "int2": ["1", "-32768", None],
    "int4": ["1", None, "+7", " 12 ", "-2147483648"],
    "int8": ["9223372036854775807", "0", None],
    "oid": ["1", "4294967295", None],
    "float4": ["0.1", "1e38", None, "NaN", "16777217", "3.4028235e38"],
    "float8": ["0.1", "1e300", None, "-Infinity", "123456789012345", "1e23", ".5", "5e-324"],
    "numeric": ["1.50", None, "NaN", "1e3"],
    "numeric(12,2)": ["1.505", None, "-0.004", "9999999999.99", "1e3"],
    "numeric(4,2) ": ["1.5", "NaN", None],
    "text": ["a", "", None, "äöü"],
    "varchar(3)": ["abc", None, "ab   "],
    "char(4)": ["ab", None, "abcd"],
    "char": ["a", None],
    "bytea": ["\\x00ff", None, "abc"],
    "date": ["2001-02-03", None, "infinity", "Jan 5 2020", "4714-11-24 BC", "2020-02-29"],
    "time": ["04:05:06.789", None],
    "timetz": ["04:05:06+02", None],
    "timestamp": ["2001-02-03 04:05:06.789", None, "2001-02-03 04:05:06+02", "infinity", "J1"],
    "timestamp(1)": ["2001-02-03 04:05:06.78", "1999-02-03 04:05:06.75", None],
    "timestamptz": ["2001-02-03 04:05:06+02", "2001-02-03 04:05:06", None, "epoch"],
    "interval": ["1 day", None, "-1 mon"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
    "json": ["[1, 2]", None],
    "jsonb": ['{"a": [1.0, null]}', None],
    "bit(3)": ["101", None],
    "int4[]": ["{1,NULL}", None, "{}"],
    "regclass": ["-", "12", None],
}
STYLES = [PLAIN_STYLE, TextStyle(time_zone="Europe/Berlin"), TextStyle(date_style="German")]


def load(type_name: Any) -> Any:
    reference = parse_type(type_name, lambda _parts: None)
    texts = [None if text is None else text.encode() for text in TEXTS[type_name]]
    return reference.type, reference.modifier, texts


def rows_of(type_: Any, column: Any) -> Any:
    """The values of a column in row form."""
    return [
        None if text is None else type_.parse(text.decode(), -1, PLAIN_STYLE)
        for text in type_.format_column(column, PLAIN_STYLE)
    ]


@pytest.mark.parametrize("style", STYLES, ids=["plain", "berlin", "german"])
@pytest.mark.parametrize("type_name", TEXTS)
def test_columns_are_read_and_written_as_values_are(type_name, style):
    type_, modifier, texts = load(type_name)
    values = [
        None if text is None else type_.parse(text.decode(), modifier, style) for text in texts
    ]
    column = type_.parse_column(texts, modifier, style)
    assert type_.format_column(column, style) == [
        None if value is None else type_.format(value, style).encode() for value in values
    ]
    assert type_.send_column(column) == [
        None if value is None else type_.send(value) for value in values
    ]
    without_nulls = [text for text in texts if text is not None]
    assert type_.parse_column(without_nulls, modifier, style).valid is None


@pytest.mark.parametrize("type_name", TEXTS)
def test_columns_come_back_from_storage(type_name):
    type_, modifier, texts = load(type_name)
    column = type_.parse_column(texts, modifier, PLAIN_STYLE)
    stored = type_.to_storage(column, modifier)
    assert len(stored) == len(texts)
    for valid in (column.valid, np.array([text is not None for text in texts])):
        loaded = type_.from_storage(stored, valid, modifier)
        assert type_.format_column(loaded, PLAIN_STYLE) == type_.format_column(column, PLAIN_STYLE)


@pytest.mark.parametrize("type_name", TEXTS)
def test_single_values_are_stored_as_columns_are(type_name):
    type_, modifier, texts = load(type_name)
    stored = type_.to_storage(type_.parse_column(texts, modifier, PLAIN_STYLE), modifier)
    for text, kept in zip(texts, stored, strict=True):
        if text is None:
            continue
        value = type_.parse(text.decode(), modifier, PLAIN_STYLE)
        single = value if type_.store_value is None else type_.store_value(value, modifier)
        column_form = kept.tobytes() if isinstance(kept, np.void) else kept
        assert single == column_form or single != single
        back = single if type_.load_value is None else type_.load_value(single, modifier)
        assert type_.format(back, PLAIN_STYLE) == type_.format(value, PLAIN_STYLE)


@pytest.mark.parametrize(
    ("type_name", "texts", "sqlstate"),
    [
        ("int4", [b"1", None, b"2147483648"], "22003"),
        ("int4", [b"1x"], "22P02"),
        ("numeric(3,1)", [b"99.95"], "22003"),
        ("numeric", [b"1.5", b"", b"2.5"], "22P02"),
        ("float8", [b"1e400"], "22003"),
        ("float4", [b"1e39"], "22003"),
        ("float4", [b"1e-60"], "22003"),
        ("date", [b"2001-02-29"], "22008"),
        ("timestamp", [b"2001-02-03 25:00:00"], "22008"),
        ("varchar(2)", [b"abc"], "22001"),
    ],
)
def test_a_bad_field_of_a_column_is_refused(type_name, texts, sqlstate):
    reference = parse_type(type_name, lambda _parts: None)
    with pytest.raises(SqlError) as caught:
        reference.type.parse_column(texts, reference.modifier, PLAIN_STYLE)
    assert caught.value.sqlstate == sqlstate


def test_numeric_columns_of_a_precision_are_scaled():
    numeric = TYPE_BY_NAME["numeric"]
    modifier = numeric_modifier(12, 2)
    column = numeric.parse_column([b"1.5", None, b"-2"], modifier, PLAIN_STYLE)
    assert column.scale == 2
    assert column.values.tolist() == [150, 0, -200]
    assert numeric.storage_kind_of is not None
    assert numeric.storage_kind_of(modifier) == "INT64"
    assert numeric.storage_kind_of(numeric_modifier(19, 2)) == "BYTES"
    assert numeric.storage_kind_of(numeric_modifier(5, -1)) == "BYTES"
    assert numeric.storage_kind_of(-1) == "BYTES"


def test_numeric_columns_reach_storage_from_every_form():
    numeric = TYPE_BY_NAME["numeric"]
    modifier = numeric_modifier(12, 3)
    scaled = Column(np.array([150, -200]), None, 2)
    assert numeric.to_storage(scaled, modifier).tolist() == [1500, -2000]
    assert numeric.to_storage(scaled, -1) == [b"1.50", b"-2.00"]
    finer = Column(np.array([12345, -12345]), None, 4)
    assert numeric.to_storage(finer, modifier).tolist() == [1235, -1235]
    objects = Column(object_array([Decimal("1.5"), NAN]))
    stored = numeric.to_storage(objects, modifier)
    loaded = numeric.from_storage(stored, None, modifier)
    assert numeric.format_column(loaded, PLAIN_STYLE) == [b"1.500", b"NaN"]


@pytest.mark.parametrize("valid", [None, np.array([True, False, True, True])])
def test_coded_columns_are_written_by_their_dictionary(valid):
    dictionary = Column(object_array(["b", "a"]))
    column = Column(np.array([0, 1, 1, 0], np.int32), valid, None, dictionary)
    text = TYPE_BY_NAME["text"]
    expected: list[Any] = [b"b", b"a", b"a", b"b"]
    if valid is not None:
        expected[1] = None
    assert text.format_column(column, PLAIN_STYLE) == expected
    assert text.send_column(column) == expected
    assert text.to_storage(column, -1) == [row or b"" for row in expected]


def test_what_stands_in_a_null_row_is_not_looked_at():
    for name in ("date", "timestamp", "timestamptz", "jsonb", "uuid", "interval", "numeric"):
        type_ = TYPE_BY_NAME[name]
        values = (
            object_array([None]) if type_.dtype.hasobject else np.array([-(1 << 31)], type_.dtype)
        )
        column = Column(values, np.array([False]))
        assert type_.format_column(column, PLAIN_STYLE) == [None]
        assert type_.send_column(column) == [None]
        stored = type_.to_storage(column, -1)
        assert not type_.from_storage(stored, column.valid, -1).validity().any()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "<+05:30>-05:30"])
@pytest.mark.parametrize("unit_us", [1, 1000, 1_000_000, 86_400_000_000])
@pytest.mark.parametrize("first", [-(10**15), 0, 6 * 10**13])
def test_columns_of_instants_are_written_as_values_are(zone, unit_us, first):
    style = TextStyle(time_zone=zone)
    values = np.random.default_rng(1).integers(first, 10**15, 60) // unit_us * unit_us
    for name in ("timestamp", "timestamptz"):
        type_ = TYPE_BY_NAME[name]
        texts = type_.format_column(Column(values), style)
        assert texts == [type_.format(us, style).encode() for us in values.tolist()]


def test_numerics_that_show_as_many_digits_are_read_as_scaled():
    numeric = TYPE_BY_NAME["numeric"]
    even = numeric.parse_column([b"1.50", None, b"-0.00", b"007.25"], -1, PLAIN_STYLE)
    assert even.scale == 2
    assert numeric.to_storage(even, -1) == [b"1.50", b"", b"0.00", b"7.25"]
    for uneven in (
        [b"1.5", b"2"],
        [b"+1.5", b"2.5"],
        [b"NaN", b"1"],
        [b" 1", b"2"],
        [b"1e3"],
        [None],
    ):
        column = numeric.parse_column(uneven, -1, PLAIN_STYLE)
        assert column.scale is None
