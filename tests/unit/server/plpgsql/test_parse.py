"""The parser of PL/pgSQL: what names mean where they stand, lines, errors of the text alone."""

import pytest

from server.errors import SqlError
from server.plpgsql import tree
from server.plpgsql.parse import Header, parse_body
from server.plpgsql.reader import find_name
from server.plpgsql.tokens import tokenize


def parsed(text, *parameters):
    return parse_body(text, Header("f", parameters))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a := 'x''y';", ["word", "mark", "string", "mark"]),
        ("1..10", ["number", "mark", "number"]),
        ("1.5 .. 2", ["number", "mark", "number"]),
        ("$tag$ ; $$ $tag$ $1", ["string", "param"]),
        ('"Mixed" /* a /* nested */ one */ -- rest', ["quoted"]),
        (r"e'it\'s' <<l>>", ["string", "operator", "word", "operator"]),
        ("a>-1", ["word", "operator", "operator", "number"]),
    ],
)
def test_tokens(text, kinds):
    assert [token.kind for token in tokenize(text)] == [*kinds, "end"]


def test_an_inner_name_hides_an_outer_one_and_its_label_tells_them_apart():
    body = parsed("<<o>> declare x int; begin declare x text; begin x := o.x; end; end")
    outer, inner = (slot for slot, each in enumerate(body.variables) if each.name == "x")
    assignment = body.block.body[0].body[0]
    assert assignment.target.slot == inner
    assert find_name(assignment.value.names, ("x",)) == (inner, 1)
    assert find_name(assignment.value.names, ("o", "x")) == (outer, 2)
    assert find_name(assignment.value.names, ("p", "x")) is None


def test_a_declaration_does_not_see_itself():
    body = parsed("declare x int := 1; begin declare x int := x + 1; begin null; end; end")
    outer, inner = (slot for slot, each in enumerate(body.variables) if each.name == "x")
    assert find_name(body.variables[inner].default.names, ("x",)) == (outer, 1)


def test_lines_are_those_of_the_body():
    body = parsed("\nbegin\n  null;\n\n  a := 1;\nend", "a")
    assert [each.line for each in body.block.body] == [3, 5]


def test_into_is_cut_out_wherever_it_stands():
    first, second = parsed(
        "begin select 1 into a from t; insert into t values (1) returning x into a; end", "a"
    ).block.body
    assert isinstance(first, tree.Sql)
    assert first.query.text.split() == ["select", "1", "from", "t"]
    assert second.query.text == "insert into t values (1) returning x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin x := 1; end", '"x" is not a known variable'),
        ("begin retrun 1; end", None),
        ("begin if true then end; end", 'syntax error at or near ";"'),
        ("begin a := (1; end", 'mismatched parentheses at or near ";"'),
        ("begin <<l>> loop exit m; end loop; end", 'there is no label "m" attached'),
        ("<<l>> begin null; end m", 'end label "m" differs from block\'s label "l"'),
        ("begin raise notice '% %', a; end", "too few parameters specified for RAISE"),
        ("declare a int; a text; begin end", 'duplicate declaration at or near "a"'),
        ("begin exception when no_such then null; end", "unrecognized exception condition"),
        ("declare c cursor (k int) for select 1; begin open c; end", 'cursor "c" has arguments'),
        ("begin return 'a", "syntax error"),
    ],
)
def test_errors(text, message):
    if message is None:
        assert isinstance(parsed(text, "a").block.body[0], tree.Sql)
        return
    with pytest.raises(SqlError) as caught:
        parsed(text, "a")
    assert caught.value.message.startswith(message)
