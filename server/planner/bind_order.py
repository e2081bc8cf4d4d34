"""ORDER BY, DISTINCT ON and GROUP BY items.

Names of output columns, ordinals and expressions (SQL92's rules first).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from server.errors import (
    AmbiguousColumn,
    FeatureNotSupported,
    InvalidColumnReference,
    SqlSyntaxError,
    UndefinedFunction,
)
from server.expressions.expression import Expression, SortKey
from server.planner.coerce import settle
from server.planner.environment import BindContext, raise_at
from server.planner.matching import same
from server.planner.type_facts import base_type, row_columns, type_name
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.planner.plan import Columns
    from server.planner.scope import Scope
    from server.types.type import Type

_UNORDERED = frozenset((114, 142, 600, 601, 602, 603, 604, 628, 718, 199, 143))
"""Types without an ordering: json, xml, geometric ones."""

_ORDERINGS = {"<": False, ">": True, "~<~": False, "~>~": True}
"""Ordering operators, and whether they go downwards; those of patterns go by bytes, as texts do."""

_UNHASHED = frozenset((790, 1560, 1562, 3614, 3615, 705, 2970))
"""Types with an ordering but without a hash function: money, bit strings, text search."""

INT4_MAX: Final = (1 << 31) - 1
_CONSTANTS = (nodes.Constant, exp.Null, exp.Boolean)


@dataclass(slots=True)
class Target:
    """An output expression of a SELECT; hidden: only there to be sorted by."""

    name: str
    expression: Expression
    origin: tuple[int, int] = (0, 0)
    hidden: bool = False


def sort_key(context: BindContext, node: exp.Expression, expression: Expression) -> SortKey:
    """The key with direction and place of NULLs as written or by default."""
    descending = bool(node.args.get("descending"))
    using = node.args.get("using") or ()
    if using:
        if using[-1] not in _ORDERINGS:
            raise raise_at(
                context,
                node,
                FeatureNotSupported(f"operator {using[-1]} is not a valid ordering operator"),
            )
        descending = _ORDERINGS[using[-1]]
    nulls_first = node.args.get("nulls_first")
    check_ordered(context, expression, nodes.offset_of(node.args["this"]))
    return SortKey(
        expression=expression,
        descending=descending,
        nulls_first=descending if nulls_first is None else bool(nulls_first),
    )


_HASHED_ONLY = frozenset((28, 29, 1033))
"""xid, cid and aclitem: they are equal or not, and that is all."""


def check_ordered(context: BindContext, expression: Expression, offset: int) -> None:
    """Refuse to sort what has no order; offset: of what was written."""
    kind = base_type(context, expression.type.oid)
    if kind in _HASHED_ONLY or not is_comparable(context, kind):
        raise UndefinedFunction(
            "could not identify an ordering operator for type "
            f"{type_name(context, expression.type.oid)}",
            hint="Use an explicit ordering operator or modify the query.",
        ).at(context.position(offset))


def is_comparable(context: BindContext, oid: int) -> bool:
    """Whether a type has equality that belongs to an order or a hash."""
    return uncomparable_part(context, oid) is None


def uncomparable_part(context: BindContext, oid: int) -> Type | None:
    """The type without order in a type: itself, that of its elements, or of some field."""
    kind = context.type(base_type(context, oid)).type
    if kind.oid in _UNORDERED:
        return kind
    if kind.element_oid and kind.category == "A":
        return uncomparable_part(context, kind.element_oid)
    if kind.kind != "c":
        return None
    parts = (uncomparable_part(context, field) for _, field, _ in row_columns(context, kind.oid))
    return next((part for part in parts if part is not None), None)


def check_hashable(context: BindContext, columns: Columns, construct: str) -> None:
    """Refuse an operation that PostgreSQL can only do by hashing."""
    for column in columns:
        check_comparable(context, column.variable())
        kind = context.type(base_type(context, column.type.oid)).type
        if (kind.element_oid or kind.oid) in _UNHASHED:
            raise FeatureNotSupported(
                f"could not implement {construct}",
                detail="All column datatypes must be hashable.",
            )


def check_groupable(context: BindContext, keys: Sequence[Expression], *, is_ordered: bool) -> None:
    """Refuse keys that can neither be sorted nor hashed together; what aggregates take in an order is not hashed."""
    kinds = [context.type(base_type(context, key.type.oid)).type for key in keys]
    is_unsorted = any(kind.oid in _HASHED_ONLY for kind in kinds)
    if is_unsorted and (
        is_ordered or any((kind.element_oid or kind.oid) in _UNHASHED for kind in kinds)
    ):
        raise FeatureNotSupported(
            "could not implement GROUP BY",
            detail="Some of the datatypes only support hashing, while others only support sorting.",
        )


def check_comparable(
    context: BindContext, expression: Expression, offset: int | None = None
) -> None:
    """Refuse to group by what has no equality; offset: of what was written, where that is not the expression."""
    if not is_comparable(context, expression.type.oid):
        raise UndefinedFunction(
            "could not identify an equality operator for type "
            f"{type_name(context, expression.type.oid)}"
        ).at(context.position(expression.offset if offset is None else offset))


def bind_sort_key(context: BindContext, scope: Scope, node: exp.Expression) -> SortKey:
    """A key that is always an expression: in aggregates."""
    return sort_key(context, node, bind_group_item(context, scope, node.args["this"]))


def bind_window_order(context: BindContext, scope: Scope, node: exp.Expression) -> SortKey:
    """A key that is always an expression: in windows."""
    return bind_sort_key(context, scope, node)


def bind_group_item(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """An item that is always an expression, whatever output columns are called."""
    from server.planner.bind_expression import bind_expression

    return settle(context, bind_expression(context, scope, node))


def bind_order_item(
    context: BindContext, scope: Scope, node: exp.Expression, targets: list[Target], clause: str
) -> Target:
    """The target that an item of ORDER BY or DISTINCT ON means.

    A hidden one is added where there is none.
    """
    found = _by_name(context, node, targets, clause) or by_ordinal(context, node, targets, clause)
    if found is not None:
        _note_choice(context, node, found, targets)
        return found
    bound = bind_group_item(context, scope, node)
    for target in targets:
        if same(target.expression, bound):
            return target
    added = Target("?column?", bound, hidden=True)
    targets.append(added)
    return added


def _note_choice(
    context: BindContext, node: exp.Expression, target: Target, targets: list[Target]
) -> None:
    if context.resolution is not None:
        position = next(number for number, each in enumerate(targets, 1) if each is target)
        context.resolution.note_choice(node, target, position)


def _by_name(
    context: BindContext, node: exp.Expression, targets: list[Target], clause: str
) -> Target | None:
    if not isinstance(node, nodes.ColumnReference) or len(node.args["parts"]) != 1:
        return None
    name = node.args["parts"][0]
    found: Target | None = None
    for target in targets:
        if target.hidden or target.name != name:
            continue
        if found is not None and not same(found.expression, target.expression):
            raise raise_at(context, node, AmbiguousColumn(f'{clause} "{name}" is ambiguous'))
        found = found or target
    return found


def by_ordinal(
    context: BindContext, node: exp.Expression, targets: list[Target], clause: str
) -> Target | None:
    """The target of that number, if the item is a number."""
    is_integer = isinstance(node, nodes.IntegerConstant) and node.value <= INT4_MAX
    if isinstance(node, _CONSTANTS) and not is_integer:
        raise raise_at(context, node, SqlSyntaxError(f"non-integer constant in {clause}"))
    if not isinstance(node, nodes.IntegerConstant):
        return None
    visible = [target for target in targets if not target.hidden]
    if not 1 <= node.value <= len(visible):
        raise raise_at(
            context,
            node,
            InvalidColumnReference(f"{clause} position {node.value} is not in select list"),
        )
    return visible[node.value - 1]


def bind_group_key(
    context: BindContext, scope: Scope, node: exp.Expression, targets: list[Target]
) -> Target:
    """The target that an item of GROUP BY means: an input column before an output column of that name.

    Where no target is that expression there is a new one, which is not added to the targets.
    """
    if isinstance(node, nodes.ColumnReference) and len(node.args["parts"]) == 1:
        name = node.args["parts"][0]
        if not any(item.columns_visible and item.find(name) for item in scope.items):
            found = _by_name(context, node, targets, "GROUP BY")
            if found is not None:
                _note_choice(context, node, found, targets)
                return _grouped(context, found)
    found = by_ordinal(context, node, targets, "GROUP BY")
    if found is not None:
        _note_choice(context, node, found, targets)
        return _grouped(context, found)
    bound = bind_group_item(context, scope, node)
    alike = (target for target in targets if same(target.expression, bound))
    return next(alike, Target("", bound, hidden=True))


def _grouped(context: BindContext, target: Target) -> Target:
    from server.errors import GroupingError, WindowingError
    from server.expressions.expression import AggregateCall, walk
    from server.planner.bind_window import PendingWindowCall

    target.expression = settle(context, target.expression)
    for part in walk(target.expression):
        position = context.position(part.offset)
        if isinstance(part, AggregateCall):
            raise GroupingError("aggregate functions are not allowed in GROUP BY").at(position)
        if isinstance(part, PendingWindowCall):
            raise WindowingError("window functions are not allowed in GROUP BY").at(position)
    return target
