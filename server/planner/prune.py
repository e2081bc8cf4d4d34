"""Which partitions can have rows that satisfy some conditions.

Rule 1: a condition that is not understood rules out nothing; a partition is left out only when no row of it
        can make all conditions true.
Rule 2: the conditions are the same for planning, where constants are known, and for a run, where
        parameters are: the values are looked at by `survivors` in both.
"""

from __future__ import annotations

from itertools import islice, pairwise, product
from typing import TYPE_CHECKING, Any

from server.catalog.partition_bounds import PartitionMap, key_types, partition_map
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
    Relabel,
    Variable,
    columns_used,
)
from server.planner.bind_operator import COMMUTATORS
from server.planner.bind_text import bind_catalog_expression
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.outer_references import has_subquery
from server.planner.physical import KeyClause, KeyTest, Pruning
from server.planner.scope import RangeItem, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


UNKNOWN = object()
"""The value of an expression that only a run can tell."""


def known_values(expression: Expression) -> Any:
    """The value of a constant; UNKNOWN for anything else."""
    while isinstance(expression, Relabel):
        expression = expression.argument
    return expression.value if isinstance(expression, Constant) else UNKNOWN


def survivors(
    found: PartitionMap, test: KeyTest, value_of: Callable[[Expression], Any]
) -> list[int]:
    """The numbers of the partitions that can have rows for which the test is true."""
    return sorted(_survivors(found, test, value_of))


def _survivors(
    found: PartitionMap, test: KeyTest, value_of: Callable[[Expression], Any]
) -> set[int]:
    clauses = _evaluated(test.clauses, value_of)
    if clauses is None:
        return set()
    point = _point(found, clauses)
    if point is not None:
        number = found.number_of(point)
        kept = set() if number is None else {number}
    elif clauses:
        kept = _MATCHERS[found.strategy](found, clauses)
    else:
        kept = set(range(len(found.partitions)))
    for group in test.groups:
        kept &= set().union(*(_survivors(found, arm, value_of) for arm in group))
    return kept


Clauses = list[tuple[int, str, Any]]


def _evaluated(
    clauses: tuple[KeyClause, ...], value_of: Callable[[Expression], Any]
) -> Clauses | None:
    """Position, operator and value of each clause that is known; None: no row can satisfy them."""
    result: Clauses = []
    for clause in clauses:
        if clause.operator == "nothing":
            return None
        values = [value_of(value) for value in clause.values]
        if any(value is UNKNOWN for value in values):
            continue
        if clause.operator == "items":
            if values[0] is None:
                return None
            values = list(values[0].items)
        if clause.operator in ("any", "items"):
            values = [value for value in values if value is not None]
            if not values:
                return None
            result.append((clause.position, "any", values))
        elif values and values[0] is None:
            return None  # comparisons with NULL are never true
        else:
            result.append((clause.position, clause.operator, values[0] if values else None))
    return result


def _point(found: PartitionMap, clauses: Clauses) -> list[Any] | None:
    """The whole key, where each of its columns equals one value: what else is asked rules out no other."""
    values = {position: value for position, operator, value in clauses if operator == "="}
    if len(values) < len(found.types) or any(found.hash_functions):
        return None
    return [values[position] for position in range(len(found.types))]


def _match_hash(found: PartitionMap, clauses: Clauses) -> set[int]:
    """Only when the whole key is known, and PostgreSQL's own functions hash it."""
    every = set(range(len(found.partitions)))
    if any(found.hash_functions):
        return every
    choices: list[list[Any]] = []
    for position in range(len(found.types)):
        values: list[Any] | None = None
        for place, operator, value in clauses:
            if place != position or operator not in ("=", "any", "null"):
                continue
            given = {"=": [value], "any": value, "null": [None]}[operator]
            if values is None or len(given) < len(values):
                values = given
        if values is None:
            return every
        choices.append(values)
    keys = list(islice(product(*choices), 1000))
    if len(keys) == 1000:
        return every
    return {number for key in keys if (number := found.number_of(key)) is not None}


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "<>": lambda a, b: bool(a != b),
}


def _match_list(found: PartitionMap, clauses: Clauses) -> set[int]:
    keys = [(operator, _keys_of(found, 0, operator, value)) for _, operator, value in clauses]
    wants_null = any(operator == "null" for operator, _ in keys)
    if wants_null and any(operator != "null" for operator, _ in keys):
        return set()
    kept: set[int] = set()
    if wants_null:
        number = found.number_of((None,))
        return set() if number is None else {number}
    for value, number in found.values.items():
        if all(_satisfies(value, operator, key) for operator, key in keys):
            kept.add(number)
    if found.default is not None and _beyond_lists(found, keys):
        kept.add(found.default)
    return kept


def _keys_of(found: PartitionMap, position: int, operator: str, value: Any) -> Any:
    if operator in ("null", "notnull"):
        return None
    if operator == "any":
        return [found.key(position, item) for item in value]
    return found.key(position, value)


def _satisfies(value: Any, operator: str, key: Any) -> bool:
    if operator == "notnull":
        return True
    if operator == "any":
        return value in key
    return _TESTS[operator](value, key)


def _beyond_lists(found: PartitionMap, keys: list[tuple[str, Any]]) -> bool:
    """Whether a value that no list has may satisfy the conditions."""
    for operator, key in keys:
        given = [key] if operator == "=" else key if operator == "any" else None
        if given is None:
            continue
        rest = [
            value
            for value in given
            if value not in found.values
            and all(_satisfies(value, other, bound) for other, bound in keys)
        ]
        if not rest:
            return False
    return True


def _match_range(found: PartitionMap, clauses: Clauses) -> set[int]:
    if any(operator == "null" for _, operator, _ in clauses):
        return set() if found.default is None else {found.default}
    kept: set[int] = set()
    for choice in _choices(found, clauses):
        kept |= _range_of(found, choice)
    return kept


def _choices(found: PartitionMap, clauses: Clauses) -> list[list[tuple[int, str, Any]]]:
    """The conditions with keys, one list for each item of the first = ANY."""
    plain = [
        (position, operator, found.key(position, value))
        for position, operator, value in clauses
        if operator not in ("any", "notnull", "<>")
    ]
    arrays = [(position, value) for position, operator, value in clauses if operator == "any"]
    if not arrays:
        return [plain]
    position, items = arrays[0]
    return [[*plain, (position, "=", found.key(position, item))] for item in items]


def _range_of(found: PartitionMap, clauses: list[tuple[int, str, Any]]) -> set[int]:
    """The partitions that meet the interval which the conditions leave of the key."""
    low: list[tuple[Any, ...]] = []
    high: list[tuple[Any, ...]] = []
    for position in range(len(found.types)):
        lowest, highest, empty = _interval(position, clauses)
        if empty:
            return set()
        if lowest is not None:
            low.append((0, lowest[0]))
        if highest is not None:
            high.append((0, highest[0]))
        is_point = lowest is not None and highest is not None and lowest[0] == highest[0]
        if is_point:
            continue
        return _between(
            found,
            (tuple(low), lowest is None or lowest[1]),
            (tuple(high), highest is None or highest[1]),
        )
    return _between(found, (tuple(low), True), (tuple(high), True))


def _interval(position: int, clauses: list[tuple[int, str, Any]]) -> tuple[Any, Any, bool]:
    """The least and the greatest value a column may have, each with whether it is included."""
    lowest: tuple[Any, bool] | None = None
    highest: tuple[Any, bool] | None = None
    for place, operator, key in clauses:
        if place != position:
            continue
        included = operator in ("=", "<=", ">=")
        if operator in ("=", ">", ">=") and (
            lowest is None or key > lowest[0] or (key == lowest[0] and not included)
        ):
            lowest = (key, included)
        if operator in ("=", "<", "<=") and (
            highest is None or key < highest[0] or (key == highest[0] and not included)
        ):
            highest = (key, included)
    empty = (
        lowest is not None
        and highest is not None
        and (lowest[0] > highest[0] or (lowest[0] == highest[0] and not (lowest[1] and highest[1])))
    )
    return lowest, highest, empty


Edge = tuple[tuple[Any, ...], bool]


def _between(found: PartitionMap, low: Edge, high: Edge) -> set[int]:
    """The ranges that meet the keys between two prefixes, and the default one where gaps are left."""
    kept: set[int] = set()
    covered = low[0] and low[0] == high[0] and len(low[0]) == len(found.types)
    for number, (lower, upper) in enumerate(zip(found.lowers, found.uppers, strict=True)):
        if _ends_before(upper, low) or _starts_after(lower, high):
            continue
        kept.add(number)
    if (
        found.default is not None
        and not (covered and kept)
        and not _is_covered(found, kept, low, high)
    ):
        kept.add(found.default)
    return kept


def _ends_before(upper: tuple[Any, ...], low: Edge) -> bool:
    """Whether all keys below the bound lie below the low edge."""
    prefix, included = low
    head = upper[: len(prefix)]
    if head != prefix:
        return head < prefix
    # Keys that begin with the prefix lie below the bound if anything of it is left.
    if len(upper) == len(prefix):
        return True
    return not included or upper[len(prefix)] == (-1,)


def _starts_after(lower: tuple[Any, ...], high: Edge) -> bool:
    prefix, included = high
    head = lower[: len(prefix)]
    if head != prefix:
        return head > prefix
    if len(lower) == len(prefix):
        return not included
    return not included or lower[len(prefix)] == (1,)


def _is_covered(found: PartitionMap, kept: set[int], low: Edge, high: Edge) -> bool:
    """Whether the ranges leave no gap between the edges: the default partition has no such keys then."""
    if not kept:
        return False
    numbers = sorted(kept)
    for before, after in pairwise(numbers):
        if found.uppers[before] != found.lowers[after]:
            return False
    first, last = found.lowers[numbers[0]], found.uppers[numbers[-1]]
    return _reaches_down(first, low) and _reaches_up(last, high)


def _reaches_down(lower: tuple[Any, ...], low: Edge) -> bool:
    prefix, _ = low
    if not prefix:
        return all(datum == (-1,) for datum in lower)
    head = lower[: len(prefix)]
    if head != prefix:
        return head < prefix
    return all(datum == (-1,) for datum in lower[len(prefix) :])


def _reaches_up(upper: tuple[Any, ...], high: Edge) -> bool:
    prefix, included = high
    if not prefix:
        return all(datum == (1,) for datum in upper)
    head = upper[: len(prefix)]
    if head != prefix:
        return head > prefix
    if len(upper) == len(prefix):
        return not included
    return all(datum == (1,) for datum in upper[len(prefix) :])


_MATCHERS: dict[str, Callable[[PartitionMap, Clauses], set[int]]] = {
    "hash": _match_hash,
    "list": _match_list,
    "range": _match_range,
}
