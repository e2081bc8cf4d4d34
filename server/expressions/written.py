"""The row form of expressions as Python code: what closures would call each other for stands in one function.

Law: the code has the value of the closure that `compile_row` makes, and raises where it does. What is not written here
     is such a closure, which the code calls.
Rule 1: where the code has no context, expressions need nothing but their row (server.expressions.parameters_only).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from server.expressions import expression as nodes
from server.expressions.records import with_records
from server.expressions.row_calls import row_of
from server.expressions.rowwise import compile_row, with_field
from server.oids import FIRST_USER_OID
from server.vector.rows import OBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.expressions.source_code import SourceCode
    from server.functions.function import Function

ROW: Final = "row"
"""The name of the row in the code."""

_HOLDING_NOTHING: Final = (nodes.Variable, nodes.FieldSelect, nodes.FieldStore, nodes.Relabel)

INTEGER_BITS: Final = {21: 16, 23: 32, 20: 64}
_INTEGERS: Final = ("int2", "int4", "int8", "int24", "int42", "int28", "int82", "int48", "int84")


def _of_integers(words: Mapping[str, str]) -> dict[str, str]:
    return {f"{kind}{word}": sign for kind in _INTEGERS for word, sign in words.items()}


COMPARISONS: Final[Mapping[str, str]] = _of_integers(
    {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
)
"""Comparisons that are Python's own."""

SUMS: Final[Mapping[str, str]] = _of_integers({"pl": "+", "mi": "-", "mul": "*"})
"""Integer functions that are Python's own where the type can hold the result; elsewhere they raise."""

QUOTIENTS: Final[Mapping[str, str]] = _of_integers({"div": "//", "mod": "%"})
"""Integer functions that are Python's own for a dividend that is not negative and a divisor greater than zero."""

WIDENING: Final = frozenset((481, 754, 313))
"""Casts of integers to wider ones, by OID, which leave them as they are."""


def write_value(code: SourceCode, node: nodes.Expression) -> str:
    """Write what computes the expression; the Python expression of its value, which may be used more than once."""
    write = WRITERS.get(type(node))
    text = None
    if write is not None and (type(node) in _HOLDING_NOTHING or not _reads_whole(node)):
        text = write(code, node)
    return _write_closure(code, node) if text is None else text


def _reads_whole(node: nodes.Expression) -> bool:
    """Whether a temporary variable would hold on to an array, which is changed where it lies if nothing does."""
    return any(
        child.type.type.category == "A" or child.type.type.kind in "cp"
        for child in nodes.children(node)
    )


def _write_closure(code: SourceCode, node: nodes.Expression) -> str:
    columns = {part.column for part in nodes.walk(node) if isinstance(part, nodes.Variable)}
    evaluate = compile_row(node, {column: column for column in columns})
    name = code.temporary()
    code.calls += 1
    code.line(f"{name} = {code.bound(evaluate)}({ROW}, {code.context})")
    return name


def _held(code: SourceCode, text: str) -> str:
    """The value in a variable of its own, unless it is one or is constant."""
    if not text.startswith(ROW):
        return text
    name = code.temporary()
    code.line(f"{name} = {text}")
    return name


def _variable(code: SourceCode, node: nodes.Variable) -> str:
    return f"{ROW}[{node.column}]"


def _constant(code: SourceCode, node: nodes.Constant) -> str:
    value = node.value
    if value is None or type(value) is bool or (type(value) is int and value >= 0):
        return repr(value)
    return code.bound(value)


def _relabel(code: SourceCode, node: nodes.Relabel) -> str | None:
    source, target = node.argument.type.type, node.type.type
    if source.dtype == target.dtype or OBJECT in (source.dtype, target.dtype):
        return write_value(code, node.argument)
    return None


def _call(code: SourceCode, node: nodes.Call) -> str | None:
    function = node.function
    if function.needs_context or node.variadic:
        return None
    values = [_held(code, write_value(code, argument)) for argument in node.arguments]
    name = code.temporary()
    if not function.strict:
        code.calls += 1
        code.line(f"{name} = {_invoked(code, function, values)}")
        return name
    unsure = [value for value in values if _may_be_null(value)]
    if "None" in unsure:
        return "None"
    if not unsure:
        _write_call(code, name, node, values)
        return name
    with code.block(f"if {' or '.join(f'{value} is None' for value in unsure)}"):
        code.line(f"{name} = None")
    with code.block("else"):
        _write_call(code, name, node, values)
    return name


def _may_be_null(text: str) -> bool:
    """Whether a value is not known to be one: numbers and named constants are."""
    return not (text[0].isdigit() or text[0] == "k" or text in ("True", "False"))


def _invoked(code: SourceCode, function: Function, values: list[str]) -> str:
    invoke = with_records(function, row_of(function))
    return f"{code.bound(invoke)}({', '.join(values)})"


def _write_call(code: SourceCode, name: str, node: nodes.Call, values: list[str]) -> None:
    """Write a call with arguments none of which is NULL."""
    function = node.function
    called = _invoked(code, function, values)
    is_own = function.definition is None and function.oid < FIRST_USER_OID
    word = function.name if is_own and len(values) == 2 else ""
    if is_own and function.oid in WIDENING:
        code.line(f"{name} = {values[0]}")
    elif word in COMPARISONS:
        code.line(f"{name} = {values[0]} {COMPARISONS[word]} {values[1]}")
    elif word in SUMS and node.type.oid in INTEGER_BITS:
        limit = 1 << INTEGER_BITS[node.type.oid] - 1
        code.line(f"{name} = {values[0]} {SUMS[word]} {values[1]}")
        with code.block(f"if not {-limit} <= {name} < {limit}"):
            code.line(f"{name} = {called}")
    elif word in QUOTIENTS:
        quotient = f"{values[0]} {QUOTIENTS[word]} {values[1]}"
        code.line(f"{name} = {quotient} if {values[0]} >= 0 < {values[1]} else {called}")
    else:
        code.calls += 1
        code.line(f"{name} = {called}")


def _connective(code: SourceCode, arguments: tuple[nodes.Expression, ...], *, is_and: bool) -> str:
    """AND and OR: what comes next is computed if it may still decide."""
    name = code.temporary()
    code.line(f"{name} = {is_and}")
    _write_connective(code, name, arguments, is_and=is_and)
    return name


def _write_connective(
    code: SourceCode, name: str, arguments: tuple[nodes.Expression, ...], *, is_and: bool
) -> None:
    first, *rest = arguments
    value = _held(code, write_value(code, first))
    with code.block(f"if {value} is None"):
        code.line(f"{name} = None")
    with code.block(f"elif {'not ' if is_and else ''}{value}"):
        code.line(f"{name} = {not is_and}")
    if rest:
        with code.block(f"if {name} is not {not is_and}"):
            _write_connective(code, name, tuple(rest), is_and=is_and)


def _not(code: SourceCode, node: nodes.Not) -> str:
    value, name = _held(code, write_value(code, node.argument)), code.temporary()
    code.line(f"{name} = None if {value} is None else not {value}")
    return name


def _is_null(code: SourceCode, node: nodes.IsNull) -> str:
    value, name = _held(code, write_value(code, node.argument)), code.temporary()
    code.line(f"{name} = {value} is {'not ' if node.negated else ''}None")
    return name


def _boolean_test(code: SourceCode, node: nodes.BooleanTest) -> str:
    value, name = _held(code, write_value(code, node.argument)), code.temporary()
    code.line(f"{name} = ({value} is {node.truth}) != {node.negated}")
    return name


def _case(code: SourceCode, node: nodes.Case) -> str:
    name = code.temporary()
    _write_case(code, name, node, 0)
    return name


def _write_case(code: SourceCode, name: str, node: nodes.Case, number: int) -> None:
    if number == len(node.branches):
        code.line(f"{name} = {write_value(code, node.otherwise)}")
        return
    condition, result = node.branches[number]
    with code.block(f"if {write_value(code, condition)}"):
        code.line(f"{name} = {write_value(code, result)}")
    with code.block("else"):
        _write_case(code, name, node, number + 1)


def _coalesce(code: SourceCode, node: nodes.Coalesce) -> str:
    name = code.temporary()
    first, *rest = node.arguments
    code.line(f"{name} = {write_value(code, first)}")
    for argument in rest:
        with code.block(f"if {name} is None"):
            code.line(f"{name} = {write_value(code, argument)}")
    return name


def _field_select(code: SourceCode, node: nodes.FieldSelect) -> str | None:
    if not isinstance(node.argument, nodes.Variable):
        return None
    whole, name = write_value(code, node.argument), code.temporary()
    code.line(f"{name} = None if {whole} is None else {whole}[{node.field}]")
    return name


def _field_store(code: SourceCode, node: nodes.FieldStore) -> str | None:
    if not isinstance(node.argument, nodes.Variable):
        return None
    store = partial(with_field, node.field, tuple(kind.type for kind in node.types), node.names)
    whole, value = write_value(code, node.argument), write_value(code, node.value)
    name = code.temporary()
    code.line(f"{name} = {code.bound(store)}({whole}, {value})")
    return name


WRITERS: Final[Mapping[type[nodes.Expression], Callable[[SourceCode, Any], str | None]]] = {
    nodes.Variable: _variable,
    nodes.Constant: _constant,
    nodes.Relabel: _relabel,
    nodes.Call: _call,
    nodes.And: lambda code, node: _connective(code, node.arguments, is_and=True),
    nodes.Or: lambda code, node: _connective(code, node.arguments, is_and=False),
    nodes.Not: _not,
    nodes.IsNull: _is_null,
    nodes.BooleanTest: _boolean_test,
    nodes.Case: _case,
    nodes.Coalesce: _coalesce,
    nodes.FieldSelect: _field_select,
    nodes.FieldStore: _field_store,
}
"""None from a writer: this one is left to a closure."""
