"""Enums, domains, composite types and records."""

from typing import Any

import numpy as np
import pytest

from server.errors import SqlError
from server.types.array import array_type
from server.types.names import parse_type
from server.types.order import key_of, ordered, sort_key_of
from server.types.record import Record
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE, TypeReference
from server.types.user_types import Identity, composite_type, domain_type, enum_type

IDENTITY = Identity(oid=20000, name="mood", sql_name="mood", array_oid=20001)
MOOD = enum_type(IDENTITY, [(20011, 1.0, "sad"), (20012, 2.0, "ok"), (20010, 1.5, "calm")])
PAIR = composite_type(
    Identity(oid=20020, name="pair", sql_name="pair"),
    [("a", TypeReference(TYPE_BY_NAME["int4"])), ("b", TypeReference(TYPE_BY_NAME["text"]))],
)


def read(type_: Any, text: Any) -> Any:
    return type_.parse(text, -1, PLAIN_STYLE)


def store(type_: Any, value: Any) -> Any:
    return type_.store_value(value, -1)


def load(type_: Any, stored: Any) -> Any:
    return type_.load_value(stored, -1)


def refusal(type_: Any, text: Any) -> Any:
    with pytest.raises(SqlError) as caught:
        read(type_, text)
    return caught.value.sqlstate, caught.value.message, caught.value.detail


def test_enum_orders_by_position():
    labels = sorted(["ok", "sad", "calm"], key=MOOD.sort_key)
    assert labels == ["sad", "calm", "ok"]
    keys = [ordered(key_of(MOOD, label)) for label in labels]
    assert keys == sorted(keys)


def test_enum_refuses_what_is_no_label():
    expected = ("22P02", 'invalid input value for enum mood: "glad"', "")
    assert refusal(MOOD, "glad") == expected


def test_enum_is_stored_by_the_oid_of_its_label():
    column = MOOD.parse_column([b"ok", None, b"sad"], -1, PLAIN_STYLE)
    stored = MOOD.to_storage(column, -1)
    assert stored.tolist() == [20012, 0, 20011]
    loaded = MOOD.from_storage(stored, column.valid, -1)
    assert MOOD.format_column(loaded, PLAIN_STYLE) == [b"ok", None, b"sad"]
    assert load(MOOD, store(MOOD, "calm")) == "calm"


def test_array_of_enum():
    moods = array_type(MOOD)
    assert (moods.oid, moods.element_oid) == (20001, 20000)
    value = read(moods, "{ok,NULL,sad}")
    assert moods.format(value, PLAIN_STYLE) == "{ok,NULL,sad}"
    assert moods.receive(moods.send(value), -1) == value


def test_domain_applies_the_modifier_of_its_base():
    base = parse_type("varchar(3)", lambda _parts: None)
    short = domain_type(Identity(oid=20030, name="short", sql_name="short"), base)
    assert (short.kind, short.category, short.oid) == ("d", "S", 20030)
    assert refusal(short, "abcd")[0] == "22001"
    assert short.parse_column([b"ab"], -1, PLAIN_STYLE).values.tolist() == ["ab"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1,a)", "(1,a)"),
        (' (1,"a ""b""") ', '(1,"a ""b""")'),
        ("(,)", "(,)"),
        ('(1,"")', '(1,"")'),
        ("(1, a )", '(1," a ")'),
        (r"(1,a\,b)", '(1,"a,b")'),
        (r'(1,"a\\")', r'(1,"a\\")'),
    ],
)
def test_composite_text(text, expected):
    value = read(PAIR, text)
    assert PAIR.format(value, PLAIN_STYLE) == expected
    assert PAIR.receive(PAIR.send(value), -1) == value
    assert load(PAIR, store(PAIR, value)) == value


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("1,a", "Missing left parenthesis."),
        ("(1)", "Too few columns."),
        ("(1,a,b)", "Too many columns."),
        ("(1,a", "Unexpected end of input."),
        ("(1,a) x", "Junk after right parenthesis."),
    ],
)
def test_composite_refuses(text, detail):
    assert refusal(PAIR, text) == ("22P02", f'malformed record literal: "{text}"', detail)


def test_composite_takes_plain_tuples_and_orders_nulls_last():
    values = [(1, "b"), (1, None), (0, "z"), (None, "a"), (1, "a")]
    in_order = [(0, "z"), (1, "a"), (1, "b"), (1, None), (None, "a")]
    assert sorted(values, key=PAIR.sort_key) == in_order
    keys = [ordered(key_of(PAIR, value)) for value in in_order]
    assert keys == sorted(keys)


def test_composite_gains_a_field():
    """Rows that were stored before a field was added have NULL there."""
    stored = store(PAIR, (1, "a"))
    longer = composite_type(
        Identity(oid=20020, name="pair", sql_name="pair"),
        [
            (name, TypeReference(TYPE_BY_NAME[of]))
            for name, of in zip("abc", ["int4", "text", "date"], strict=True)
        ],
    )
    assert load(longer, stored) == (1, "a", None)


def test_composite_loses_a_field():
    """Rows that were stored before a field was dropped keep the others; rows stored later have nothing in its place."""
    stored = store(PAIR, (1, "a"))
    shorter = composite_type(
        Identity(oid=20020, name="pair", sql_name="pair"),
        [("b", TypeReference(TYPE_BY_NAME["text"])), ("c", TypeReference(TYPE_BY_NAME["date"]))],
        places=(1, 2),
    )
    assert load(shorter, stored) == ("a", None)
    assert load(shorter, store(shorter, ("b", None))) == ("b", None)
    assert load(PAIR, store(shorter, ("b", None))) == (None, "b")


def test_record_knows_its_types():
    record = Record.of((1, None, "a b"), tuple(TYPE_BY_NAME[n] for n in ("int4", "int4", "text")))
    type_ = TYPE_BY_NAME["record"]
    assert type_.format(record, PLAIN_STYLE) == '(1,,"a b")'
    assert record.names == ("f1", "f2", "f3")
    assert sort_key_of(type_, record) < sort_key_of(type_, Record.of((2, 1, "a"), record.types))
    assert refusal(type_, "(1)")[0] == "0A000"


def test_pseudo_types_have_no_values():
    any_element = TYPE_BY_NAME["anyelement"]
    assert refusal(any_element, "1")[:2] == (
        "0A000",
        "cannot accept a value of type anyelement",
    )
    assert TYPE_BY_NAME["void"].format("", PLAIN_STYLE) == ""
    assert np.dtype(object) == any_element.dtype
