"""x = ANY (array) and x <> ALL (array) of one array for all rows: looked up, as IN is, and never without end."""

from types import SimpleNamespace

import pytest

from server.expressions import expression as nodes
from server.expressions import membership
from server.expressions.evaluate import compile_expression, compile_row
from server.expressions.rowwise import LONG_ARRAY
from server.functions.registry import FUNCTIONS
from server.types.array import make_array
from server.types.registry import TYPE_BY_NAME
from server.types.type import TextStyle, TypeReference
from server.vector.batch import Batch
from server.vector.rows import column_of, values_of

BOOL, INT4, INT4S = (TypeReference(TYPE_BY_NAME[name]) for name in ("bool", "int4", "_int4"))
BY_NAME = {function.name: function for function in FUNCTIONS}


class Cancelled(Exception):
    """What the look raises."""


def look():
    raise Cancelled


def comparison(name, items, *, every=False):
    array = None if items is None else make_array(23, tuple(items))
    return nodes.ArrayComparison(
        type=BOOL,
        function=BY_NAME[name],
        argument=nodes.Variable(type=INT4, column=0),
        array=nodes.Constant(type=INT4S, value=array),
        every=every,
        operator="<>" if every else "=",
    )


def context(**more):
    return SimpleNamespace(style=TextStyle(), parameters=(), outer={}, **more)


def batch_of(values):
    return Batch((column_of(values, INT4.type.dtype),), len(values))


@pytest.mark.parametrize("name", ["int4eq", "int4ne"])
@pytest.mark.parametrize("items", [(3, 5), (3, None), (), None, (None,)])
@pytest.mark.parametrize("values", [[1, 3, None, 5], [3, 3, 3], [None, None]])
def test_it_is_what_item_by_item_gives(name, items, values):
    node = comparison(name, items, every=name == "int4ne")
    row = compile_row(node, {0: 0})
    wanted = [row((value,), context()) for value in values]
    found = compile_expression(node, {0: 0})(batch_of(values), context())
    assert values_of(found) == wanted


def test_rows_are_looked_up(monkeypatch):
    looked_up = []
    real = membership._Lookup.among

    def among(lookup, column, items):
        looked_up.append(len(items))
        return real(lookup, column, items)

    monkeypatch.setattr(membership._Lookup, "among", among)
    evaluate = compile_expression(comparison("int4eq", range(1000)), {0: 0})
    found = evaluate(batch_of(list(range(500, 1500))), context())
    assert values_of(found).count(True) == 500
    assert looked_up == [1000]


def test_a_row_beside_a_long_array_looks_whether_it_is_cancelled():
    row = compile_row(comparison("int4lt", range(LONG_ARRAY)), {0: 0})
    with pytest.raises(Cancelled):
        row((LONG_ARRAY,), context(check_cancelled=look))
    assert row((LONG_ARRAY,), context()) is False
