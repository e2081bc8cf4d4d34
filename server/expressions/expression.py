"""Typed expressions: what the binder makes of SQL expressions and what plans carry.

Every node is frozen and knows its result type. A column is named by a number that is unique within its plan, so
that rewrites move expressions between operators without renumbering; operators say which numbers they put out, and
evaluation turns numbers into positions. Three-valued logic throughout: NULL is an absent value, not a value.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.functions.function import Aggregate, Function, WindowFunction
    from server.types.type import TypeReference, Value

ColumnId = int


@dataclass(frozen=True, slots=True, kw_only=True, eq=True)
class Expression:
    """A typed expression. offset is the character position in the statement that errors at run time point to."""

    type: TypeReference
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Expression):
    """A column of the input."""

    column: ColumnId
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterVariable(Expression):
    """A column of a row of an enclosing query: constant while the subquery runs, found in context.outer[column]."""

    column: ColumnId
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Expression):
    """A value in row form; None is NULL."""

    value: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Expression):
    """$number of the statement."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Expression):
    """A call of a function; operators and casts by function are calls too. variadic: the last argument is an array."""

    function: Function
    arguments: tuple[Expression, ...]
    form: str = "call"  # call, operator, cast: how it is printed
    operator: str = ""
    variadic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabel(Expression):
    """The same value under a binary-coercible type; collates: under another collation, as COLLATE says."""

    argument: Expression
    collates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CastText(Expression):
    """A cast through the text forms of both types."""

    argument: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyModifier(Expression):
    """Applies the type modifier of `type` (length, precision): explicit casts cut, assignments refuse."""

    argument: Expression
    explicit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Expression):
    """Conjunction of two or more conditions; false beats NULL."""

    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Expression):
    """Disjunction of two or more conditions; true beats NULL."""

    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Expression):
    """Negation."""

    argument: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class IsNull(Expression):
    """IS NULL; for a row value: every field is NULL. negated: IS NOT NULL (every field is not)."""

    argument: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanTest(Expression):
    """IS [NOT] TRUE, FALSE, UNKNOWN. truth: True, False or None."""

    argument: Expression
    truth: bool | None
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IsDistinct(Expression):
    """IS [NOT] DISTINCT FROM, by the = operator's function."""

    function: Function
    left: Expression
    right: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Expression):
    """CASE WHEN: the first branch whose condition is true.

    Only that branch may raise. A simple CASE arrives as equalities.
    """

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalesce(Expression):
    """The first argument that is not NULL."""

    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NullIf(Expression):
    """NULL where both are equal, else the first."""

    function: Function
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremum(Expression):
    """GREATEST and LEAST; NULL arguments are passed over. function is the < operator's."""

    function: Function
    arguments: tuple[Expression, ...]
    greatest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InList(Expression):
    """x IN (...) with two or more expressions of one type, or NOT IN; function is the = operator's.

    written_apart: as x = 1 OR x = 2, which is the same, but estimated one by one.
    """

    function: Function
    argument: Expression
    items: tuple[Expression, ...]  # Constants where nobody has to look at one of them
    negated: bool = False
    written_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayComparison(Expression):
    """x op ANY (array), x op ALL (array)."""

    function: Function
    argument: Expression
    array: Expression
    every: bool
    operator: str = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayConstructor(Expression):
    """ARRAY[...]; nested: the items are arrays and become a further dimension."""

    items: tuple[Expression, ...]
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscript(Expression):
    """a[i], a[i:j]: one pair (lower, upper) a dimension; upper given and lower None is a[:j]; see is_slice."""

    argument: Expression
    bounds: tuple[tuple[Expression | None, Expression | None], ...]
    is_slice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowConstructor(Expression):
    """ROW(...): a record. names: of its fields in the query; own_names: those of its type where they are others.

    whole: the record itself, where it is no row of expressions but one that is there: it is compared as a value.
    """

    items: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    whole: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSelect(Expression):
    """(record).field."""

    argument: Expression
    field: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldStore(Expression):
    """A record with another value in one field; of NULL a record whose other fields are NULL."""

    argument: Expression
    field: int
    value: Expression
    names: tuple[str, ...]
    types: tuple[TypeReference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementStore(Expression):
    """An array with another value in an element or a slice; bounds as in Subscript."""

    argument: Expression
    bounds: tuple[tuple[Expression | None, Expression | None], ...]
    is_slice: bool
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class RowComparison(Expression):
    """(a, b) < (c, d) and the like; equality arrives as And. functions: per field the < or >, and the =."""

    operator: str
    orders: tuple[Function, ...]
    equals: tuple[Function, ...]
    left: tuple[Expression, ...]
    right: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subquery(Expression):
    """A subquery in an expression that was not turned into a join.

    kind: exists, scalar, array, any, all (any and all compare `test` columns with the subquery's columns by
    `functions`, and by `equals` as RowComparison does where `operator` orders rows; NOT IN arrives as Not(any)). plan
    is a logical plan in the planner, a physical one in the executor.
    outer: the columns of this query that the subquery refers to, each by OuterVariable: results depend on nothing else,
    and the plan may be run once for each distinct combination.
    is_told: of a physical plan, whether it can be told from whether it ran: see plan_parts.
    """

    kind: str
    plan: Any
    test: tuple[Expression, ...] = ()
    functions: tuple[Function, ...] = ()
    equals: tuple[Function, ...] = ()
    operator: str = ""
    outer: tuple[Variable | OuterVariable, ...] = ()
    is_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """One key of ORDER BY."""

    expression: Expression
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCall(Expression):
    """A call of an aggregate; lives in Aggregate plan nodes, and in Window nodes with a frame."""

    aggregate: Aggregate
    arguments: tuple[Expression, ...]
    direct_arguments: tuple[Expression, ...] = ()
    distinct: bool = False
    order: tuple[SortKey, ...] = ()
    filter: Expression | None = None
    star: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCall(Expression):
    """A window function or an aggregate over a window; lives in Window plan nodes."""

    function: WindowFunction | Aggregate
    arguments: tuple[Expression, ...]
    filter: Expression | None = None
    star: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReturningCall(Expression):
    """A set-returning function in a target list; lives in ProjectSet nodes."""

    function: Function
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultValue(Expression):
    """DEFAULT in VALUES or SET; the binder puts the column's default in its place before execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemColumn(Expression):
    """ctid, xmin, xmax, cmin, cmax, tableoid of the scanned relation, as an output of scans only."""

    name: str


PLAIN_OIDS: Final = frozenset(
    (16, 17, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1700, 2950)
)
"""Types whose constants nobody looks for in a tree, as names of relations are for what depends on them."""


class Constants(tuple[Constant, ...]):
    """Items that are constants of one plain type: lists have thousands, and who walks a tree passes over them."""

    __slots__ = ()


def listed(items: Iterable[Expression]) -> tuple[Expression, ...]:
    """The items of a list as an expression holds them: Constants where they are nothing else."""
    found = tuple(items)
    constants = [item for item in found if type(item) is Constant]
    if len(constants) < len(found):
        return found
    kinds = {item.type.oid for item in constants}
    return Constants(constants) if len(kinds) == 1 and kinds <= PLAIN_OIDS else found


OPERAND = re.compile(r"\b(Expression|SortKey|Variable|WindowCall)\b")
"""What the type of a field says that may hold operands."""


@cache
def _operand_names(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a class of expressions that may hold operands."""
    return tuple(field.name for field in fields(kind) if OPERAND.search(str(field.type)))


def has_operands(expression: Expression) -> bool:
    """Whether expressions of its class may have operands; the ends of a tree have none."""
    return bool(_operand_names(type(expression)))  # type: ignore[arg-type]  # classes are hashable


def children(expression: Expression) -> list[Expression]:
    """The direct operands, in order of their fields, but for Constants. Subquery plans are not entered."""
    found: list[Expression] = []
    for name in _operand_names(type(expression)):  # type: ignore[arg-type]  # classes are hashable
        _collect(getattr(expression, name), found)
    return found


def _collect(value: Any, found: list[Expression]) -> None:
    if isinstance(value, Expression):
        found.append(value)
    elif isinstance(value, Constants):
        return
    elif isinstance(value, tuple):
        for item in value:
            if isinstance(item, Expression):  # lists may be long
                found.append(item)
            else:
                _collect(item, found)
    elif isinstance(value, SortKey):
        found.append(value.expression)


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything below it, parents first."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        if has_operands(node):
            waiting += reversed(children(node))


def transform(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Apply change to every node, operands first; nodes whose operands stay the same are kept."""
    return change(map_operands(expression, lambda operand: transform(operand, change)))


def map_operands(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The node with each of its operands changed; itself when these stay the same."""
    changed = {}
    for name in _operand_names(type(expression)):  # type: ignore[arg-type]  # classes are hashable
        old = getattr(expression, name)
        new = renewed(old, change)
        if new is not old:
            changed[name] = new
    return replace(expression, **changed) if changed else expression


def renewed(value: Any, change: Callable[[Expression], Expression]) -> Any:
    """What a field holds, with its operands changed."""
    if isinstance(value, Expression):
        return change(value)
    if isinstance(value, Constants):
        return value
    if isinstance(value, tuple):
        items = [
            change(item) if isinstance(item, Expression) else renewed(item, change)
            for item in value
        ]
        same = all(map(operator.is_, items, value))
        return value if same else tuple(items)
    if isinstance(value, SortKey):
        inner = change(value.expression)
        return value if inner is value.expression else replace(value, expression=inner)
    return value


def columns_used(expression: Expression) -> set[ColumnId]:
    """The columns an expression reads, those of its subqueries' outer references included."""
    found: set[ColumnId] = set()
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Variable):
            found.add(node.column)
        elif has_operands(node):
            waiting += children(node)
    return found
