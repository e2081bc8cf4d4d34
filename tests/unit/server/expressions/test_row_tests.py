"""Values looked up in a table: what comparing them one by one gives."""

from decimal import Decimal

import pytest

from server.expressions import expression as nodes
from server.expressions.row_tests import table_of
from server.expressions.rowwise import compile_row
from server.functions.registry import FUNCTIONS
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference

BY_NAME = {function.name: function for function in FUNCTIONS}
LISTS = {
    "whole numbers": ("int4", "int4eq", [1, 2, 300], [0, 1, 300, None]),
    "of two widths": ("int8", "int48eq", [1, 1 << 40], [1, 2, None]),
    "with a NULL": ("int4", "int4eq", [1, None], [1, 2, None]),
    "numerics": ("numeric", "numeric_eq", [Decimal("1.50"), Decimal(4)], [Decimal("1.5"), Decimal("NaN")]),
    "texts": ("text", "texteq", ["a", "b "], ["a", "b", "b ", "", None]),
    "padded": ("bpchar", "bpchareq", ["a  ", "b"], ["a", "a ", "b  ", " b", None]),
    "truths": ("bool", "booleq", [True], [True, False, None]),
}  # fmt: skip


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize(("kind", "equality", "items", "values"), LISTS.values(), ids=LISTS)
def test_a_table_gives_what_comparisons_give(kind, equality, items, values, negated):
    reference = TypeReference(TYPE_BY_NAME[kind])
    constants = tuple(nodes.Constant(type=reference, value=item) for item in items)
    argument = nodes.Variable(type=reference, column=1)
    in_table, compared = (
        compile_row(
            nodes.InList(
                type=TypeReference(TYPE_BY_NAME["bool"]),
                function=BY_NAME[equality],
                argument=argument,
                items=listed,
                negated=negated,
            ),
            {1: 0},
        )
        for listed in (nodes.listed(constants), constants)
    )
    assert table_of(equality, items) is not None
    for value in values:
        assert in_table([value], None) is compared([value], None), value


def test_there_is_no_table_of_what_is_equal_in_other_ways():
    assert table_of("float8eq", [1.0, 2.0]) is None
    assert table_of("numeric_eq", [Decimal("NaN"), Decimal(1)]) is None
    assert table_of("interval_eq", [1]) is None
