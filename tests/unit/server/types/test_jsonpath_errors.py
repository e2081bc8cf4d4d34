"""What is said of texts that are no jsonpath: PostgreSQL's words, and the first mistake that its parser meets."""

from __future__ import annotations

import pytest

from server.errors import SqlError
from server.types.jsonpath_reader import read_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{00:00}", 'syntax error at or near "{" of jsonpath input'),
        ("@ 00x", "syntax error at end of jsonpath input"),
        ("@ + 1", "@ is not allowed in root expressions"),
        ("$[last] + last", "LAST is allowed only in array subscripts"),
        ('1 "a"', 'syntax error at or near """ of jsonpath input'),
        ('"abc', "unexpected end of quoted string at end of jsonpath input"),
        ('"a\\', 'unexpected end after backslash at or near "\\" of jsonpath input'),
        (
            '"\\u0041\\u12zz"',
            'invalid unicode sequence at or near "\\u0041\\u12" of jsonpath input',
        ),
        ("a\\xz", 'invalid hex character sequence at or near "\\x" of jsonpath input'),
        ('"\\u{110000}"', "invalid Unicode code point"),
    ],
)
def test_the_first_mistake_is_told(text: str, message: str) -> None:
    with pytest.raises(SqlError) as raised:
        read_path(text)
    assert str(raised.value) == message
