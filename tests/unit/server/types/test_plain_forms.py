"""Types whose commonest form is read in a quicker way: every form gives what it gave, or its error."""

import pytest

from server.errors import SqlError
from server.types.boolean import parse_bool
from server.types.numeric import format_numeric, parse_numeric
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE
from server.types.uuid import parse_uuid
from server.vector.rows import values_of

DIGITS = "a0eebc999c0b4ef8bb6d6bb9bd380a11"
UUIDS = [
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
    "a0eebc999c0b4ef8bb6d6bb9bd380a11",
    "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
]
NO_UUIDS = [
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a 1",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380-11",
    "a0eebc9--9c0b-4ef8-bb6d-6bb9bd380a11",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1\u0661",
    "",
]


@pytest.mark.parametrize("text", UUIDS)
def test_uuids(text):
    assert parse_uuid(text, -1, PLAIN_STYLE) == bytes.fromhex(DIGITS)


@pytest.mark.parametrize("text", NO_UUIDS)
def test_no_uuids(text):
    with pytest.raises(SqlError, match="invalid input syntax for type uuid"):
        parse_uuid(text, -1, PLAIN_STYLE)


def test_columns_of_booleans():
    texts = [b"t", b"f", None, b"true", b" YES ", b"0", b"off", b"false"]
    column = TYPE_BY_NAME["bool"].parse_column(texts, -1, PLAIN_STYLE)
    wanted = [
        None if text is None else parse_bool(text.decode(), -1, PLAIN_STYLE) for text in texts
    ]
    assert list(values_of(column)) == wanted
    with pytest.raises(SqlError, match='invalid input syntax for type boolean: "o"'):
        TYPE_BY_NAME["bool"].parse_column([b"t", b"o"], -1, PLAIN_STYLE)


@pytest.mark.parametrize(
    "text", ["0", "0.0000001", "0.000000000000000000001", "1" * 60, "-0.000001", "NaN", "Infinity"]
)
def test_numbers_are_written_without_exponents(text):
    assert format_numeric(parse_numeric(text, -1, PLAIN_STYLE), PLAIN_STYLE) == text
