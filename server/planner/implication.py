"""Whether one condition implies another, so that an index with that predicate has all rows.

Rule 1: what is not proved is not implied. A proof is about conditions that are true, so a NULL of the
        one that is given proves anything, and one of the other must be ruled out.
Rule 2: constants are compared by the operators of the conditions themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call, Constant, Expression, InList, IsNull, Not, Or
from server.expressions.folding import fold_constants
from server.oids import BOOL
from server.planner.bind_operator import COMMUTATORS, conjuncts, make_operator
from server.planner.matching import same, strip_relabel
from server.planner.rewrite.outer_joins import refused_columns, strict_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.planner.environment import BindContext

PROOFS: Final[dict[tuple[str, str], str]] = {
    **{("=", wanted): wanted for wanted in ("=", "<>", "<", "<=", ">", ">=")},
    **{("<", wanted): "<=" for wanted in ("<", "<=", "<>")},
    **{(">", wanted): ">=" for wanted in (">", ">=", "<>")},
    ("<=", "<="): "<=",
    ("<=", "<"): "<",
    ("<=", "<>"): "<",
    (">=", ">="): ">=",
    (">=", ">"): ">",
    (">=", "<>"): ">",
    ("<>", "<>"): "=",
}
"""x (first) a implies x (second) b where a (value) b."""

Compared = tuple[Expression, str, Constant]


def all_implied(context: BindContext, given: Sequence[Expression], predicate: Expression) -> bool:
    """Whether every row that satisfies the conditions satisfies the predicate."""
    return all(
        any(implies(context, each, needed) for each in given) for needed in conjuncts(predicate)
    )


def implies(context: BindContext, given: Expression, needed: Expression) -> bool:
    """Whether what satisfies the one condition satisfies the other."""
    given, needed = _without_truth(given), _without_truth(needed)
    if same(given, needed):
        return True
    if isinstance(given, Or):
        return all(
            any(implies(context, part, needed) for part in conjuncts(each))
            for each in given.arguments
        )
    if isinstance(needed, Or):
        return any(
            all(implies(context, given, part) for part in conjuncts(each))
            for each in needed.arguments
        )
    if isinstance(needed, IsNull):
        return needed.negated and _is_never_null(given, needed.argument)
    wanted = _alternatives(needed)
    return bool(wanted) and _values_imply(context, given, wanted)


def _without_truth(condition: Expression) -> Expression:
    """A condition that is compared with true or false, as the operand alone or NOT of it."""
    compared = _compared(condition)
    if compared is None or compared[1] != "=" or compared[2].type.oid != BOOL:
        return condition
    operand, _, constant = compared
    if constant.value is None:
        return condition
    return operand if constant.value else Not(type=condition.type, argument=operand)


def _is_never_null(given: Expression, operand: Expression) -> bool:
    """Whether a condition that is true tells that a column is not NULL."""
    columns = strict_columns(operand)
    is_column = not hasattr(strip_relabel(operand), "arguments")
    return is_column and bool(columns) and columns <= refused_columns(given)


def _values_imply(context: BindContext, given: Expression, wanted: list[Compared]) -> bool:
    """Whether each value that is given is one of those that are wanted."""
    own = _alternatives(given)
    return bool(own) and all(any(_proved(context, one, each) for each in wanted) for one in own)


def _alternatives(condition: Expression) -> list[Compared]:
    """The comparisons with constants of which one is true if the condition is; none for other conditions."""
    if not isinstance(condition, InList):
        found = _compared(condition)
        return [] if found is None else [found]
    if condition.negated or not all(isinstance(item, Constant) for item in condition.items):
        return []
    return [
        (condition.argument, "=", item)
        for item in condition.items
        if isinstance(item, Constant) and item.value is not None
    ]


def _compared(condition: Expression) -> Compared | None:
    """The operand, operator and constant of a comparison, whichever side the constant is on."""
    if not isinstance(condition, Call) or condition.form != "operator":
        return None
    if condition.function.volatility != "i" or condition.function.collator is not None:
        return None
    name = condition.operator
    if name not in COMMUTATORS or len(condition.arguments) != 2:
        return None
    left, right = condition.arguments
    if isinstance(right, Constant):
        return left, name, right
    if isinstance(left, Constant):
        return right, COMMUTATORS[name], left
    return None


def _proved(context: BindContext, given: Compared, wanted: Compared) -> bool:
    (operand, first, value), (other, second, bound) = given, wanted
    test = PROOFS.get((first, second))
    if test is None or value.type.oid != bound.type.oid or not same(operand, other):
        return False
    if value.value is None or bound.value is None:
        return False
    found = fold_constants(make_operator(context, test, value, bound, -1))
    return isinstance(found, Constant) and found.value is True
