"""Operators of users in texts that the catalog keeps: said by OID, as others may have the name elsewhere.

Rule 1: an operator is known by the function that the node was bound to; built-in ones are known by their name.
Rule 2: what NOT makes of a test is said with the OID of the operator that was found: it tells the schema alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from server.expressions.expression import And, Not
from server.identifiers import OPERATOR_BY_OID
from server.oids import FIRST_USER_OID
from server.sql import nodes

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.expressions.expression import Expression

Spell = Callable[[exp.Expression], exp.Expression]

NEGATIONS = {"=": "<>", ">=": "<", "<=": ">"}


def said_operator(
    node: exp.Expression, bound: Expression | None, catalog: CatalogView, spell: Spell
) -> exp.Expression | None:
    """The node with its operator by OID; None where it has none, or a built-in one."""
    negated = isinstance(node, exp.Not) and isinstance(node.this, exp.In | exp.Between)
    inner = node.this if negated else node
    name = _name(inner)
    oid = _operator(catalog, name, bound, isinstance(inner, exp.Between)) if name else 0
    if not oid:
        return None
    said = _Said((OPERATOR_BY_OID, str(oid)), name, negated, spell)
    return _WRITERS.get(type(inner), _Said.operation)(said, inner)


@dataclass(frozen=True, slots=True)
class _Said:
    """An operator, by OID and name; negated: NOT stands before a test of several values."""

    home: tuple[str, ...]
    name: str
    negated: bool
    spell: Spell

    def call(self, name: str, left: exp.Expression | None, right: exp.Expression) -> exp.Expression:
        """An operator between two operands."""
        shown = None if left is None else self.spell(left)
        return nodes.OperatorCall(name=(*self.home, name), left=shown, right=self.spell(right))

    def test(self, name: str, left: exp.Expression, right: exp.Expression) -> exp.Expression:
        """A comparison of a test, or what NOT makes of it."""
        return self.call(NEGATIONS[name] if self.negated else name, left, right)

    def in_list(self, node: exp.Expression) -> exp.Expression:
        """IN, as a comparison with an array."""
        items = node.args["expressions"]
        if len(items) == 1:
            return self.test("=", node.this, items[0])
        return nodes.QuantifiedComparison(
            operator=(*self.home, NEGATIONS["="] if self.negated else "="),
            left=self.spell(node.this),
            right=nodes.ArrayConstructor(arguments=[self.spell(each) for each in items]),
            all=self.negated,
        )

    def between(self, node: exp.Expression) -> exp.Expression:
        """BETWEEN, as two comparisons."""
        tests = [self.test(">=", node.this, node.args["low"])]
        tests.append(self.test("<=", node.this, node.args["high"]))
        return (nodes.Or if self.negated else nodes.And)(arguments=tests)

    def quantified(self, node: exp.Expression) -> exp.Expression:
        """A comparison with the elements of an array."""
        return nodes.QuantifiedComparison(
            operator=(*self.home, self.name),
            left=self.spell(node.args["left"]),
            right=self.spell(node.args["right"]),
            all=node.args["all"],
        )

    def named(self, node: exp.Expression) -> exp.Expression:
        """An operator without a class of its own."""
        return self.call(self.name, node.args.get("left"), node.args["right"])

    def operation(self, node: exp.Expression) -> exp.Expression:
        """Any other operator."""
        return self.call(self.name, node.this, node.expression)


_WRITERS: dict[type[exp.Expression], Callable[[_Said, exp.Expression], exp.Expression]] = {
    exp.In: _Said.in_list,
    exp.Between: _Said.between,
    nodes.QuantifiedComparison: _Said.quantified,
    nodes.OperatorCall: _Said.named,
}


def _name(node: exp.Expression) -> str:
    """The operator that a node stands for, or one of them; empty for others."""
    if isinstance(node, nodes.OperatorCall):
        return str(node.args["name"][-1])
    if isinstance(node, nodes.QuantifiedComparison):
        return str(node.args["operator"][-1])
    if isinstance(node, exp.In):
        return "=" if node.args.get("expressions") else ""
    if isinstance(node, exp.Between):
        return "" if node.args.get("symmetric") else ">="
    name = nodes.OPERATOR_NAMES.get(type(node), "")
    return name if node.args.get("expression") is not None else ""


def _operator(catalog: CatalogView, name: str, bound: Expression | None, is_range: bool) -> int:
    """A user's operator of that name with the function that was found; 0 for none."""
    if isinstance(bound, Not):
        return _operator(catalog, name, bound.argument, is_range)
    first = bound.arguments[0] if isinstance(bound, And) and is_range else bound
    function = getattr(first, "function", None)
    if function is None or function.oid < FIRST_USER_OID:
        return 0
    made = catalog.user_operators_named(name)
    return next((each.oid for each in made if each.function == function.oid), 0)
