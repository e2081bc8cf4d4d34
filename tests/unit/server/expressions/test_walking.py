"""Going through the operands of expressions, wherever a class keeps them."""

from dataclasses import fields

import pytest

from server.expressions import expression as e
from server.expressions.expression import Expression, SortKey, Variable
from server.planner import bind_aggregate, bind_window  # noqa: F401  (they have classes, too)
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference


def reference(name):
    return TypeReference(TYPE_BY_NAME[name])


def column(number):
    return Variable(type=None, column=number)


def every_class():
    found = {}
    waiting = [Expression]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += kind.__subclasses__()
    return sorted(found.values(), key=lambda kind: kind.__name__)


HOLDS = {
    "Expression": lambda new: new(),
    "Expression | None": lambda new: new(),
    "WindowCall": lambda new: new(),
    "tuple[Expression, ...]": lambda new: (new(), new()),
    "tuple[Variable | OuterVariable, ...]": lambda new: (new(),),
    "tuple[SortKey, ...]": lambda new: (SortKey(expression=new()), SortKey(expression=new())),
    "tuple[tuple[Expression, Expression], ...]": lambda new: ((new(), new()), (new(), new())),
    "tuple[tuple[Expression | None, Expression | None], ...]": lambda new: ((None, new()),),
}
"""What a field of each type is given that holds operands."""

HOLDS_NONE = {
    "TypeReference", "int", "str", "bool", "bool | None", "ColumnId", "Function", "Aggregate",
    "WindowFunction | Aggregate", "tuple[Function, ...]", "tuple[str, ...]", "tuple[int, ...]",
    "tuple[TypeReference, ...]", "Value | None", "Any",
}  # fmt: skip


@pytest.mark.parametrize("kind", every_class(), ids=lambda kind: kind.__name__)
def test_every_operand_is_found_in_order(kind):
    numbers = iter(range(100))
    values = {}
    for field in fields(kind):
        make = HOLDS.get(str(field.type))
        assert make is not None or str(field.type) in HOLDS_NONE, field
        values[field.name] = None if make is None else make(lambda: column(next(numbers)))
    if kind is Variable:
        values["column"] = 0
    made = kind(**values)
    count = next(numbers) if kind is not Variable else 0
    assert [each.column for each in e.children(made)] == list(range(count))
    assert e.columns_used(made) == set(range(count)) | ({0} if kind is Variable else set())
    renamed = e.map_operands(made, lambda each: column(each.column + 1000))
    assert [each.column for each in e.children(renamed)] == [n + 1000 for n in range(count)]


def test_parents_come_first():
    inner = e.Not(type=None, argument=column(2))
    outer = e.And(type=None, arguments=(column(1), inner, column(3)))
    assert list(e.walk(outer)) == [outer, column(1), inner, column(2), column(3)]


def test_plain_constants_of_a_list_are_passed_over():
    plain = tuple(e.Constant(type=reference("int4"), value=number) for number in range(3))
    names = tuple(e.Constant(type=reference("regclass"), value=number) for number in range(3))
    kept, walked = e.listed(plain), e.listed(names)
    mixed = e.listed((*plain, column(1)))
    assert kept == plain
    assert isinstance(kept, e.Constants)
    assert not isinstance(walked, e.Constants)
    assert not isinstance(mixed, e.Constants)
    node = e.InList(type=None, function=None, argument=column(7), items=kept)
    assert list(e.walk(node)) == [node, column(7)]
    assert e.map_operands(node, lambda _: column(8)).items is kept
