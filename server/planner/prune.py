"""Which partitions can have rows that satisfy some conditions.

Rule 1: a condition that is not understood rules out nothing; a partition is left out only when no row of it
        can make all conditions true.
Rule 2: the conditions are the same for planning, where constants are known, and for a run, where
        parameters are: the values are looked at by `survivors` in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.partition_bounds import key_types, partition_map
from server.expressions.expression import (
    And,
    ArrayComparison,
    ArrayConstructor,
    BooleanTest,
    Call,
    Constant,
    Expression,
    InList,
    IsNull,
    Not,
    Or,
    Variable,
    columns_used,
)
from server.planner.bind_operator import COMMUTATORS
from server.planner.bind_text import bind_catalog_expression
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.outer_references import has_subquery
from server.planner.physical import KeyClause, KeyTest, Pruning
from server.planner.scope import RangeItem, Scope
from server.planner.survivors import known_values, survivors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.objects import Table
    from server.planner.environment import BindContext
    from server.planner.plan import Scan
    from server.types.icu import Collator


OPERATORS = ("=", "<", "<=", ">", ">=", "<>")
FAMILIES = (frozenset((20, 21, 23)), frozenset((25, 1043)))
NOTHING = KeyClause(0, "nothing")


class Pruner:
    """Prunes the partitions below one scan."""

    def __init__(self, context: BindContext, scan: Scan, conditions: list[Expression]) -> None:
        self._context = context
        self._scan = scan
        self._conditions = conditions
        self._tests: dict[int, KeyTest] = {}

    def members(self) -> list[Table]:
        """The leaves that can have rows, as far as constants tell."""
        return self._below(self._scan.table)

    def _below(self, table: Table) -> list[Table]:
        if table.kind != "p":
            return [table]
        test = self._tests[table.oid] = self._test(table)
        found = partition_map(self._context.catalog, table)
        numbers = survivors(found, test, known_values)
        return [leaf for number in numbers for leaf in self._below(found.partitions[number])]

    def pruning(self) -> Pruning | None:
        """What a run may find out; None when there is nothing."""
        if not any(_waits(test) for test in self._tests.values()):
            return None
        tests = tuple((oid, test) for oid, test in self._tests.items())
        return Pruning(self._scan.table, tests, tuple(leaf.oid for leaf in self.members()))

    def _test(self, table: Table) -> KeyTest:
        from server.planner.choose_append import child_scan

        key = table.partition_key
        assert key is not None
        scan = child_scan(self._context, self._scan, table)
        targets = []
        kinds = []
        orders = [kind.collator for kind in key_types(self._context.catalog, key)]
        for part in key.parts:
            if part.number:
                reference = scan.types[part.number - 1]
                assert reference is not None
                bound: Expression = Variable(type=reference, column=scan.column_of(part.number))
            else:
                item = RangeItem(alias=table.name, scan=scan, table=table)
                scope = Scope(items=[item])
                bound = bind_catalog_expression(self._context, scope, part.expression or "")
            targets.append(structural_key(strip_relabel(bound)))
            kinds.append(part.type)
        reader = _Reader(targets, kinds, orders)
        return reader.test(self._conditions)


def _waits(test: KeyTest) -> bool:
    """Whether values of a run may say more than constants."""
    own = any(
        not isinstance(strip_relabel(value), Constant)
        for clause in test.clauses
        for value in clause.values
    )
    return own or any(_waits(each) for group in test.groups for each in group)


class _Reader:
    """Reads conditions as tests of a partition key."""

    def __init__(
        self, targets: list[object], kinds: list[int], orders: list[Collator | None]
    ) -> None:
        self._targets = targets
        self._kinds = kinds
        self._orders = orders

    def test(self, conditions: Sequence[Expression]) -> KeyTest:
        """What the conditions ask of the key."""
        clauses: list[KeyClause] = []
        groups: list[tuple[KeyTest, ...]] = []
        for each in conditions:
            if isinstance(each, Or):
                arms = tuple(self.test((arm,)) for arm in each.arguments)
                if all(arm.clauses or arm.groups for arm in arms):
                    groups.append(arms)
            elif isinstance(each, And):
                inner = self.test(each.arguments)
                clauses += inner.clauses
                groups += inner.groups
            else:
                clauses += self._clauses(each)
        return KeyTest(tuple(clauses), tuple(groups))

    def _position(self, expression: Expression) -> int | None:
        key = structural_key(strip_relabel(expression))
        return self._targets.index(key) if key in self._targets else None

    def _clauses(self, each: Expression) -> list[KeyClause]:
        found = self._clause(each)
        if found is None:
            return []
        if isinstance(each, Call | InList | ArrayComparison) and found is not NOTHING:
            order: Any = self._orders[found.position]
            if each.function.collator is not order:  # under another collation than the key's
                return []
        return [found]

    def _clause(self, each: Expression) -> KeyClause | None:
        if isinstance(each, Constant):
            return NOTHING if each.value is not True else None
        if isinstance(each, Call):
            return self._comparison(each)
        if isinstance(each, IsNull):
            position = self._position(each.argument)
            word = "notnull" if each.negated else "null"
            return None if position is None else KeyClause(position, word)
        if isinstance(each, InList) and not each.negated:
            return self._any(each.argument, each.items)
        if isinstance(each, ArrayComparison):
            return self._array(each)
        return self._boolean(each)

    def _comparison(self, each: Call) -> KeyClause | None:
        if each.form != "operator" or each.operator not in OPERATORS or len(each.arguments) != 2:
            return self._boolean(each)
        for mine, other, swapped in ((0, 1, False), (1, 0, True)):
            position = self._position(each.arguments[mine])
            value = each.arguments[other]
            if position is None or not self._is_given(position, value):
                continue
            operator = COMMUTATORS.get(each.operator, each.operator) if swapped else each.operator
            return KeyClause(position, operator, (value,))
        return None

    def _is_given(self, position: int, value: Expression) -> bool:
        """Whether the value is known before the scan, and of the key's kind."""
        return is_given(self._kinds[position], value)

    def _any(self, argument: Expression, items: Sequence[Expression]) -> KeyClause | None:
        position = self._position(argument)
        if position is None or not all(self._is_given(position, item) for item in items):
            return None
        return KeyClause(position, "any", tuple(items))

    def _array(self, each: ArrayComparison) -> KeyClause | None:
        if each.operator != "=" or each.every:
            return None
        if isinstance(each.array, ArrayConstructor):
            return self._any(each.argument, each.array.items)
        position = self._position(each.argument)
        element = each.array.type.type.element_oid
        kind = self._kinds[position] if position is not None else 0
        alike = kind == element or any({kind, element} <= family for family in FAMILIES)
        given = not columns_used(each.array) and not is_volatile(each.array)
        if position is None or not alike or not given or has_subquery(each.array):
            return None
        return KeyClause(position, "items", (each.array,))

    def _boolean(self, each: Expression) -> KeyClause | None:
        """A boolean key that is a condition by itself."""
        wanted: bool | None = True
        if isinstance(each, Not):
            each, wanted = each.argument, False
        elif isinstance(each, BooleanTest):
            return self._boolean_test(each)
        position = self._position(each)
        if position is None or self._kinds[position] != 16:
            return None
        return KeyClause(position, "=", (Constant(type=each.type, value=wanted),))

    def _boolean_test(self, each: BooleanTest) -> KeyClause | None:
        position = self._position(each.argument)
        if position is None or self._kinds[position] != 16 or each.negated:
            return None
        if each.truth is None:
            return KeyClause(position, "null")
        return KeyClause(position, "=", (Constant(type=each.type, value=each.truth),))


def is_given(kind: int, value: Expression) -> bool:
    """Whether a value is known before a run, and of a key's kind."""
    own = value.type.oid
    alike = kind == own or any({kind, own} <= family for family in FAMILIES)
    return alike and not columns_used(value) and not is_volatile(value) and not has_subquery(value)
