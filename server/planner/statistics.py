"""What is known of tables and columns while a plan is made.

Row counts, distinct values, common values, histograms.

Rule 1: the row count is the table's count now; what ANALYZE learned is scaled to it.
Rule 2: nothing here may fail: a value that cannot be read any more counts as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.catalog.objects import Index
from server.catalog.partition_bounds import leaves_of
from server.catalog.statistics_objects import ExtendedStatistics
from server.errors import SqlError
from server.expressions.expression import Call, Constant, Parameter, Variable, columns_used, walk
from server.expressions.folding import fold_constants
from server.oids import BOOL, INT4, INT8, OID, UUID
from server.planner.learned_keys import Same, keys_of_column, keys_of_elements
from server.planner.matching import strip_relabel, structural_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.catalog.objects import Table
    from server.catalog.statistics_objects import ColumnStatistics, ExtendedFindings
    from server.expressions.expression import ColumnId, Expression
    from server.planner.environment import PlanningEnvironment
    from server.planner.plan import Scan
    from server.types.type import Type


DEFAULT_DISTINCT = 200.0
DEFAULT_WIDTH = 32


@dataclass(slots=True)
class ColumnFacts:
    """What is known of one column, or of an expression; distinct is a number of values, 0: unknown.

    learned: from ANALYZE. common: shares by sort key, the most common value first. ends_known: an index tells the least
    and the greatest value.
    """

    rows: float
    null_fraction: float = 0.0
    distinct: float = 0.0
    width: int = DEFAULT_WIDTH
    common: dict[Any, float] = field(default_factory=dict)
    common_total: float = 0.0
    common_values: list[Any] = field(default_factory=list)  # the same as values
    bounds: list[Any] = field(default_factory=list)  # of the histogram, as sort keys
    bound_values: list[Any] = field(default_factory=list)  # the same as values
    unique: bool = False
    key_like: bool = False
    learned: bool = False
    ends_known: bool = False
    kind: Type | None = None
    element: Type | None = None  # of arrays
    elements: dict[Any, float] = field(default_factory=dict)  # their shares by sort key
    least_element_share: float = 0.0

    @property
    def distinct_count(self) -> float:
        """How many different values there are, a guess for joins where nothing is known."""
        if self.unique:
            return max(self.rows, 1.0)
        if self.distinct:
            return max(self.distinct, 1.0)
        guess = DEFAULT_DISTINCT
        if self.key_like:  # keys of other tables repeat about ten times
            guess = max(guess, self.rows / 10)
        return max(1.0, min(self.rows, guess))

    @property
    def value_count(self) -> float:
        """How many different values a condition or a grouping is taken to meet, as PostgreSQL guesses."""
        if self.unique:
            return whole_rows(self.rows * (1.0 - self.null_fraction))
        if self.distinct:
            return whole_rows(self.distinct)
        if self.kind is not None and self.kind.oid == BOOL:
            return 2.0
        return whole_rows(min(self.rows, DEFAULT_DISTINCT))


ROWS_MAX: Final = 1e100
"""The largest estimate, as PostgreSQL's: products of many joins stay finite."""


def whole_rows(rows: float) -> float:
    """A number of rows: whole, at least one."""
    if not rows < ROWS_MAX:  # infinite, or not even a number: infinity times nothing
        return ROWS_MAX
    return max(1.0, float(round(rows)))


class Known(Protocol):
    """What selectivities are estimated from."""

    @property
    def joins(self) -> bool:
        """Whether comparisons of columns are about two tables."""

    def column(self, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column."""

    def constant(self, expression: Expression) -> Constant | None:
        """The constant that an expression is taken to be, None for what differs from row to row."""

    def expression(self, expression: Expression) -> ColumnFacts | None:
        """What is known of a column or an expression."""

    def together(self) -> Sequence[Together]:
        """What is known of columns and expressions together."""


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
    """Looks up what is known, for the time of one planning.

    bind: gives an expression of the catalog over the columns of a scan.
    """

    def __init__(
        self, environment: PlanningEnvironment, bind: Callable[[Scan, str], Expression]
    ) -> None:
        self.joins = True
        self.environment = environment
        self.bind = bind
        self.scans: dict[ColumnId, Scan] = {}
        self._owners: dict[ColumnId, Scan] = {}  # of columns that were asked for
        self.kept: dict[ColumnId, float] = {}  # the rows that scans leave, by their base
        self.judged: list[tuple[Expression, ...]] = []  # of tables, estimated with samples
        self._columns: dict[tuple[int, int, bool], ColumnFacts | None] = {}
        self._rows: dict[int, float] = {}
        self._alone: dict[int, OfScan] = {}

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

    def rows_of(self, scan: Scan) -> float:
        """The rows of a scan before any condition."""
        if not scan.inherits or scan.table.kind == "p":
            return self.rows(scan.table)
        return sum(map(self.rows, self.environment.catalog.family_of(scan.table)))

    def of(self, scan: Scan) -> OfScan:
        """What conditions of one scan are estimated from."""
        known = self._alone.get(id(scan))
        if known is None or known.scan is not scan:
            known = self._alone[id(scan)] = OfScan(self, scan)
        return known

    def column(self, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column of a scan; None for computed columns."""
        scan = self.scan_of(column)
        return None if scan is None else self.attribute(scan, column)

    def attribute(self, scan: Scan, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column of that scan."""
        number = scan.attribute(column)
        if number is None or number < 1:
            return None
        key = scan.table.oid, number, scan.inherits
        if key not in self._columns:
            self._columns[key] = self._looked_at(scan, number, self._learned(scan, number))
        return self._columns[key]

    def width(self, column: ColumnId) -> int | None:
        """The bytes of a column of a scan, about; None for computed columns."""
        scan = self.scan_of(column)
        number = None if scan is None else scan.attribute(column)
        if scan is None or number is None or number < 1:
            return None
        facts = self._columns.get((scan.table.oid, number, scan.inherits))
        facts = facts or self._learned(scan, number)
        return None if facts is None else facts.width

    def expression(self, expression: Expression) -> ColumnFacts | None:
        """What is known of a column or an expression over one scan."""
        columns = columns_used(expression)
        scan = self.scan_of(next(iter(columns))) if columns else None
        return None if scan is None else self.of(scan).expression(expression)

    def together(self) -> Sequence[Together]:
        """Conditions of several scans know nothing of each other."""
        return ()

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

    def scan_of(self, column: ColumnId) -> Scan | None:
        """The scan a column comes from."""
        found = self._owners.get(column)
        if found is None:
            for scan in self.scans.values():
                if scan.attribute(column) is not None:
                    found = self._owners[column] = scan
                    break
        return found

    def _looked_at(self, scan: Scan, number: int, facts: ColumnFacts | None) -> ColumnFacts | None:
        """With what some rows say, if ANALYZE has told nothing."""
        reference = scan.types[number - 1]
        if facts is None or reference is None or facts.learned:
            return facts
        members = tuple(self._members(scan, number))
        seen = self.environment.first_look(members, reference, facts.rows) if members else None
        if seen is not None:
            _fill(facts, seen, None)
        return facts

    def _members(self, scan: Scan, number: int) -> Iterator[tuple[Table, int]]:
        """The tables whose rows a scan reads, and the number of a column in each."""
        table, catalog = scan.table, self.environment.catalog
        if not scan.inherits and table.kind != "p":
            yield table, number
            return
        name = table.column(number).name
        family = leaves_of(catalog, table) if table.kind == "p" else catalog.family_of(table)
        for member in family:
            found = member.column_named(name)
            if found is not None and member.storage_id:
                yield member, found.number

    def _learned(self, scan: Scan, number: int) -> ColumnFacts | None:
        """What is known without a look at rows."""
        table, reference = scan.table, scan.types[number - 1]
        if reference is None:
            return None
        facts = ColumnFacts(
            self.rows_of(scan), unique=not scan.inherits and self.is_unique(table, number)
        )
        facts.kind = reference.type
        if reference.type.length > 0:
            facts.width = reference.type.length
        facts.key_like = reference.oid in (INT8, INT4, OID, UUID)
        facts.ends_known = not scan.inherits and self._is_indexed(table, number)
        statistics = self.environment.catalog.statistics_of(table.oid)
        if statistics is not None:
            for each in statistics.columns_of(inherited=scan.inherits):
                if each.number == number:
                    self.fill(facts, each)
        return facts

    def fill(self, facts: ColumnFacts, learned: ColumnStatistics) -> None:
        """Add what ANALYZE has learned."""
        element = None
        if learned.elements and facts.kind is not None:
            element = self.environment.catalog.type(facts.kind.element_oid)
        _fill(facts, learned, element)

    def _is_indexed(self, table: Table, number: int) -> bool:
        """Whether an index begins with the column."""
        return any(
            index.valid and index.predicate is None and index.keys[0].number == number
            for index in self.environment.catalog.indexes_of(table.oid)
            if index.method == "btree"
        )

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


class OfScan:
    """What is known of the columns of one scan, for the conditions on it."""

    def __init__(self, facts: Facts, scan: Scan) -> None:
        self.joins = False
        self.facts = facts
        self.scan = scan
        self._together: tuple[Together, ...] | None = None
        self._expressions: dict[Any, ColumnFacts] = {}

    def column(self, column: ColumnId) -> ColumnFacts | None:
        """What is known of a column; of another scan's, too."""
        if self.scan.attribute(column) is None:
            return self.facts.column(column)
        return self.facts.attribute(self.scan, column)

    def constant(self, expression: Expression) -> Constant | None:
        """The constant that an expression is, or would be with the sample of its parameter."""
        return self.facts.constant(expression)

    def expression(self, expression: Expression) -> ColumnFacts | None:
        """What is known of a column, or of an expression that a statistics object or an index has."""
        inner = strip_relabel(expression)
        if isinstance(inner, Variable):
            return self.column(inner.column)
        self.together()
        return self._expressions.get(structural_key(inner)) if self._expressions else None

    def together(self) -> Sequence[Together]:
        """What ANALYZE has learned for statistics objects."""
        if self._together is None:
            self._together = tuple(self._known_together())
        return self._together

    def _known_together(self) -> Iterator[Together]:
        catalog, table = self.facts.environment.catalog, self.scan.table
        statistics = catalog.statistics_of(table.oid)
        if statistics is None or not statistics.extended:
            return
        objects = {each.oid: each for each in catalog.listed(table.oid, ExtendedStatistics)}
        for found in sorted(statistics.extended, key=lambda each: each.object):
            value = objects.get(found.object)
            if value is None and not self.scan.inherits:
                self._note_index(catalog.object(found.object), found)
            if value is None or found.inherited != self.scan.inherits:
                continue
            made = self._made(value, found)
            if made is not None:
                yield made

    def _note_index(self, value: object, found: ExtendedFindings) -> None:
        """Take what was learned of the expressions of an index."""
        if not isinstance(value, Index):
            return
        for learned in found.expressions:
            text = value.keys[learned.number - 1].expression
            if text is None:
                continue
            try:
                item = strip_relabel(self.facts.bind(self.scan, text))
            except SqlError:  # it cannot be read any more
                continue
            self._note(structural_key(item), item, learned)

    def _note(self, key: Any, item: Expression, learned: ColumnStatistics) -> None:
        facts = ColumnFacts(self.facts.rows_of(self.scan), kind=item.type.type)
        self.facts.fill(facts, learned)
        self._expressions.setdefault(key, facts)

    def _made(self, value: ExtendedStatistics, found: ExtendedFindings) -> Together | None:
        items: list[Expression] = []
        for number in value.columns:
            reference = self.scan.types[number - 1]
            if reference is None:
                return None
            items.append(Variable(type=reference, column=self.scan.column_of(number)))
        try:
            items += [strip_relabel(self.facts.bind(self.scan, text)) for text in value.expressions]
        except SqlError:  # of an expression that cannot be read any more
            return None
        keys = tuple(map(structural_key, items))
        expressions = zip(keys[len(value.columns) :], items[len(value.columns) :], strict=True)
        for (key, item), learned in zip(expressions, found.expressions, strict=False):
            self._note(key, item, learned)
        numbers = (*value.columns, *(-1 - place for place in range(len(value.expressions))))
        return Together(numbers, keys, tuple(item.type.type for item in items), found)


@dataclass(frozen=True, slots=True)
class Together:
    """What is known of several items together: columns by number, then expressions from -1 down.

    keys: the same as structural keys.
    """

    numbers: tuple[int, ...]
    keys: tuple[Any, ...]
    kinds: tuple[Type, ...]
    found: ExtendedFindings

    def keys_of(self, numbers: Iterable[int]) -> tuple[Any, ...]:
        """The keys of some of the items."""
        return tuple(self.keys[self.numbers.index(number)] for number in numbers)


def _fill(facts: ColumnFacts, learned: ColumnStatistics, element: Type | None) -> None:
    facts.learned = True
    facts.null_fraction = learned.null_fraction
    facts.width = learned.width
    distinct = learned.distinct
    if distinct < 0:
        facts.distinct = -distinct * facts.rows
    else:
        facts.distinct = distinct
    keys = keys_of_column(Same(learned), Same(facts.kind))
    facts.common, facts.common_values = keys.common, keys.common_values
    facts.bounds, facts.bound_values = keys.bounds, keys.bound_values
    facts.common_total = sum(share for _, share in learned.common)
    if element is not None:
        facts.element = element
        facts.elements = keys_of_elements(Same(learned), Same(element))
        facts.least_element_share = learned.element_shares[-3]
