"""Array literals of a column are read as single ones are, errors included."""

import pytest

from server.errors import SqlError
from server.types.array_input import plain_items
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE
from server.vector.rows import values_of

LITERALS = [
    "{}", "{1}", "{1,2,3}", "{ 1,2}", "{1 ,2}", "{1, 2}", "{1,2 }", " {1}", "{1} ", "{null}", "{1,NULL,2}", "{Null}",
    "{{1,2},{3,4}}", '{"1"}', "{\\1}", "[0:1]={1,2}", "{-5,07}", "{2147483647}", "{\t1}", "{1,\n2}",
]  # fmt: skip
TEXTS = [
    "{a}",
    "{New York,Rio}",
    "{a b , c}",
    "{nullify,xnull}",
    '{"a,b",c}',
    "{a\\,b}",
    "{ä,€}",
    "{a  b}",
    "{0x}",
]
WRONG = [
    "",
    "1",
    "{",
    "{1",
    "1}",
    "{,}",
    "{1,}",
    "{,1}",
    "{1,,2}",
    "{a}",
    "{1}{2}",
    "{2147483648}",
    "{1 2}",
]


@pytest.mark.parametrize(("name", "texts"), [("_int4", LITERALS), ("_text", [*LITERALS, *TEXTS])])
def test_column(name, texts):
    kind = TYPE_BY_NAME[name]
    column = kind.parse_column([None, *(text.encode() for text in texts)], -1, PLAIN_STYLE)
    assert values_of(column) == [None, *(kind.parse(text, -1, PLAIN_STYLE) for text in texts)]


@pytest.mark.parametrize("text", WRONG)
def test_wrong(text):
    kind = TYPE_BY_NAME["_int4"]
    with pytest.raises(SqlError) as single:
        kind.parse(text, -1, PLAIN_STYLE)
    with pytest.raises(SqlError) as many:
        kind.parse_column([b"{1}", text.encode()], -1, PLAIN_STYLE)
    assert str(many.value) == str(single.value)


def test_plain_items():
    assert plain_items(b"{a b,c}", b",") == [b"a b", b"c"]
    assert plain_items(b"{(1,2);(3,4)}", b";") == [b"(1,2)", b"(3,4)"]
    for text in (
        b"{}",
        b"{ a}",
        b"{a }",
        b"{a,,b}",
        b"{a,NULL}",
        b'{"a"}',
        b"{a\\}",
        b"{{a}}",
        b"a",
        b"[1:1]={a}",
    ):
        assert plain_items(text, b",") is None
