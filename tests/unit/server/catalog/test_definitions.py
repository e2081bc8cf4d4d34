from dataclasses import replace

import pytest
from views_of import CHECK, INDEX, KEY, view_of

from server.catalog.definitions import Definer, is_call, split_defaults, value_in_capitals
from server.catalog.objects import Constraint, IndexKey


def definer(*more, pretty=False):
    return Definer(view_of(*more), (11, 2200), lambda text, _: text, pretty)


def test_index():
    expected = "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)"
    assert definer().index(INDEX) == expected


def test_index_keys():
    keys = (
        IndexKey(number=2, descending=True, nulls_first=True),
        IndexKey(number=0, expression="lower('a'::text)", type=25, nulls_first=True),
        IndexKey(number=0, expression="(id + 1)", type=23, descending=True),
    )
    index = replace(INDEX, keys=keys, unique=False, predicate="(id > 0)")
    assert definer(pretty=True).index(index) == (
        "CREATE INDEX t_pkey ON t USING btree (\"Big\" DESC, lower('a'::text) NULLS FIRST, "
        "((id + 1)) DESC NULLS LAST) WHERE (id > 0)"
    )
    assert definer().index_column(index, 1) == '"Big"'
    assert definer().index_column(index, 4) == ""


def test_constraints():
    foreign = Constraint(
        oid=1,
        name="f",
        schema=2200,
        table=20000,
        kind="f",
        columns=(1,),
        referenced_table=20000,
        referenced_columns=(1,),
        on_delete="c",
        deferrable=True,
        validated=False,
    )
    write = definer(foreign)
    assert write.constraint(KEY) == "PRIMARY KEY (id)"
    assert write.constraint(CHECK) == "CHECK ((id > 0))"
    expected = "FOREIGN KEY (id) REFERENCES t(id) ON DELETE CASCADE DEFERRABLE NOT VALID"
    assert write.constraint(foreign) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("f(a)", True), ("(a + b)", False), ("f(a) + g(b)", False), ("f(')')", True), ("a", False)],
)
def test_is_call(text, expected):
    assert is_call(text) is expected


def test_built_in_function():
    write = definer()
    row = write.routine(1598)  # random()
    assert write.result(row) == "double precision"
    row = write.routine(1067)  # generate_series(integer, integer)
    assert write.arguments(row) == "integer, integer"
    assert write.result(row) == "SETOF integer"


def test_split_defaults():
    assert split_defaults("1, f(2, 3), 'a,b'") == ["1", "f(2, 3)", "'a,b'"]


def test_value_in_capitals():
    assert value_in_capitals("(value > 0 AND a.value <> 'value')") == (
        "(VALUE > 0 AND a.value <> 'value')"
    )
