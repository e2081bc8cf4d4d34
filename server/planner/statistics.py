"""What is known of tables and columns while a plan is made.

Row counts, distinct values, common values, histograms.

Rule 1: the row count is the table's count now; what ANALYZE learned is scaled to it.
Rule 2: nothing here may fail: a value that cannot be read any more counts as unknown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from server.catalog.partition_bounds import leaves_of
from server.errors import SqlError
from server.expressions.expression import Call, Constant, Parameter, walk
from server.expressions.folding import fold_constants
from server.planner.matching import strip_relabel
from server.types.type import TextStyle, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.objects import ColumnStatistics, Statistics, Table
    from server.expressions.expression import ColumnId, Expression
    from server.planner.environment import PlanningEnvironment
    from server.planner.plan import Scan

DEFAULT_DISTINCT = 200.0
DEFAULT_WIDTH = 32
UNKNOWN_SHARE = 1 / 3
"""Of the values that are not common, how many are taken to be below one where there is no histogram."""
_STYLE = TextStyle()


@dataclass(slots=True)
class ColumnFacts:
    """What is known of one column; distinct is a number of values, 0: unknown."""

    rows: float
    null_fraction: float = 0.0
    distinct: float = 0.0
    width: int = DEFAULT_WIDTH
    common: dict[Any, float] = field(default_factory=dict)
    common_total: float = 0.0
    bounds: list[Any] = field(default_factory=list)  # of the histogram, as sort keys
    unique: bool = False
    key_like: bool = False

    @property
    def distinct_count(self) -> float:
        """How many different values there are, a guess where nothing is known."""
        if self.unique:
            return max(self.rows, 1.0)
        if self.distinct:
            return max(self.distinct, 1.0)
        guess = DEFAULT_DISTINCT
        if self.key_like:  # keys of other tables repeat about ten times
            guess = max(guess, self.rows / 10)
        return max(1.0, min(self.rows, guess))

    def fraction_below(self, key: Any, inclusive: bool) -> float | None:
        """The fraction of all rows below a value; None when neither common values nor a histogram can tell."""
        has_histogram = len(self.bounds) > 1
        if not has_histogram and not self.common:
            return None
        try:
            within = UNKNOWN_SHARE
            if has_histogram:
                place = (bisect_right if inclusive else bisect_left)(self.bounds, key)
                within = self._within(place, key)
            common = sum(
                share
                for value, share in self.common.items()
                if value < key or (inclusive and value == key)
            )
        except TypeError:
            return None
        rest = max(0.0, 1.0 - self.null_fraction - self.common_total)
        return common + rest * within

    def _within(self, place: int, key: Any) -> float:
        count = len(self.bounds) - 1
        if place <= 0:
            return 0.0
        if place > count:
            return 1.0
        low, high = self.bounds[place - 1], self.bounds[place]
        part = 0.5
        if isinstance(low, int | float) and isinstance(high, int | float) and high > low:
            part = min(1.0, max(0.0, (key - low) / (high - low)))
        return (place - 1 + part) / count


class Known(Protocol):
    """What selectivities are estimated from."""

    def column(self, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column."""

    def constant(self, expression: Expression) -> Constant | None:
        """The constant that an expression is taken to be, None for what differs from row to row."""


def constant_of(
    expression: Expression, sample: Callable[[Parameter], Constant | None]
) -> Constant | None:
    """The constant that an expression is once samples stand for its parameters, casts of them included."""
    inner = strip_relabel(expression)
    if isinstance(inner, Constant):
        return inner
    if isinstance(inner, Parameter):
        return sample(inner)
    if isinstance(inner, Call) and inner.form in ("cast", "implicit") and len(inner.arguments) == 1:
        argument = constant_of(inner.arguments[0], sample)
        if argument is not None:
            folded = strip_relabel(fold_constants(replace(inner, arguments=(argument,)), []))
            return folded if isinstance(folded, Constant) else None
    return None


class Facts:
    """Looks up what is known, for the time of one planning."""

    def __init__(self, environment: PlanningEnvironment) -> None:
        self.environment = environment
        self.scans: dict[ColumnId, Scan] = {}
        self.judged: list[tuple[Expression, ...]] = []  # of tables, estimated with samples
        self._columns: dict[ColumnId, ColumnFacts | None] = {}
        self._rows: dict[int, float] = {}

    def rows(self, table: Table) -> float:
        """The rows of a table now, at least one."""
        known = self._rows.get(table.oid)
        if known is None:
            if table.kind == "p":
                parts = leaves_of(self.environment.catalog, table)
                known = sum(float(self.environment.row_count(part)) for part in parts)
            else:
                known = float(self.environment.row_count(table))
            known = self._rows[table.oid] = max(1.0, known)
        return known

    def column(self, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column of a scan; None for computed columns."""
        if column not in self._columns:
            self._columns[column] = self._look_up(column)
        return self._columns[column]

    def constant(self, expression: Expression) -> Constant | None:
        """The constant that an expression is, or would be with the sample of its parameter."""
        return constant_of(expression, self._sample)

    def _sample(self, parameter: Parameter) -> Constant | None:
        samples = self.environment.samples
        if parameter.number > len(samples):
            return None
        try:
            kind = parameter.type
            value = kind.type.parse(samples[parameter.number - 1], -1, self.environment.style)
        except SqlError:
            return None
        return Constant(type=kind, value=value)

    def judge(self, conditions: Iterable[Expression]) -> None:
        """Remember the conditions of a table if samples have a part in how many rows they are thought to leave."""
        if not self.environment.samples:
            return
        sampled = tuple(
            condition
            for condition in conditions
            if any(isinstance(each, Parameter) for each in walk(condition))
        )
        if sampled:
            self.judged.append(sampled)

    def scan_of(self, column: ColumnId) -> tuple[Scan, int] | None:
        """The scan and the attribute a column comes from."""
        for scan in self.scans.values():
            number = scan.attribute(column)
            if number is not None:
                return scan, number
        return None

    def _look_up(self, column: ColumnId) -> ColumnFacts | None:
        found = self.scan_of(column)
        if found is None or found[1] < 1:
            return None
        scan, number = found
        table = scan.table
        reference = scan.types[number - 1]
        if reference is None:
            return None
        rows = self.rows(table)
        facts = ColumnFacts(rows, unique=self.is_unique(table, number))
        if reference.type.length > 0:
            facts.width = reference.type.length
        facts.key_like = reference.oid in (20, 23, 26, 2950)
        statistics = self.environment.catalog.statistics_of(table.oid)
        if statistics is not None:
            for each in statistics.columns:
                if each.number == number:
                    _fill(facts, each, reference.type, statistics)
        return facts

    def is_unique(self, table: Table, number: int) -> bool:
        """Whether the column alone is a unique key."""
        return any(
            index.unique
            and index.valid
            and index.predicate is None
            and len(index.keys) == 1
            and index.keys[0].number == number
            for index in self.environment.catalog.indexes_of(table.oid)
        )


def _fill(
    facts: ColumnFacts, learned: ColumnStatistics, kind: Type, statistics: Statistics
) -> None:
    facts.null_fraction = learned.null_fraction
    facts.width = learned.width
    distinct = learned.distinct
    if distinct < 0:
        facts.distinct = -distinct * facts.rows
    else:
        facts.distinct = min(distinct, facts.rows)
    keys = _learned_keys(Same(learned), Same(kind))
    facts.common, facts.bounds = keys.common, keys.bounds
    facts.common_total = sum(facts.common.values())


class Same:
    """Something that is the same as itself only: what is frozen is looked up by what it is, not by what it says."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, slots=True)
class LearnedKeys:
    """The common values of a column with their shares, and the bounds of its histogram, as sort keys."""

    common: dict[Any, float]
    bounds: list[Any]


@lru_cache(maxsize=4000)
def _learned_keys(learned: Same, kind: Same) -> LearnedKeys:
    """They are read once: a hundred texts take longer than all the rest of planning a statement."""
    common = {}
    for text, share in learned.value.common:
        key = key_of_text(kind.value, text)
        if key is not None:
            common[key] = share
    bounds = [key_of_text(kind.value, text) for text in learned.value.histogram]
    return LearnedKeys(common, [] if None in bounds else bounds)


def key_of_text(kind: Type, text: str) -> Any:
    """The sort key of a value in text form, None if it has none."""
    try:
        return key_of_value(kind, kind.parse(text, -1, _STYLE))
    except (SqlError, ValueError, KeyError):
        return None


def key_of_value(kind: Type, value: Any) -> Any:
    """What Python orders as the type orders its values."""
    return kind.sort_key(value) if kind.sort_key is not None else value
