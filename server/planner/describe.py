"""Plans as PostgreSQL's EXPLAIN prints them: nodes with names, costs and the conditions they apply.

describe() gives a tree of plain values, from which the text and other formats (explain_formats.py) are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from server.expressions.expression import Constant, RowConstructor
from server.functions.pattern_prefix import PREFIXES, pattern_bounds
from server.planner import change_plans
from server.planner import physical as p
from server.planner.bind_operator import and_all
from server.planner.deparse import Names, bracketed, deparse, deparse_key
from server.planner.inverted_plan import InvertedScan
from server.planner.physical import Plan

if TYPE_CHECKING:
    from server.expressions.expression import Expression
    from server.planner.planned import PlannedStatement

from server.planner.plan_names import every_plan, name_below, name_columns, plans_of


class Measured(Protocol):
    """What the executor measured of an operator; times add up over the loops."""

    rows: int
    loops: int
    startup_ns: int
    total_ns: int
    filtered_rows: int
    skipped_groups: int


Instruments = Mapping[Plan, Measured]


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """The options of EXPLAIN that change the lines of a plan."""

    analyze: bool = False
    verbose: bool = False
    costs: bool = True
    timing: bool = True
    buffers: bool = False
    wal: bool = False
    schema_name: Callable[[int], str] | None = None  # by OID, for VERBOSE


Detail = tuple[str, str | tuple[str, ...]]


@dataclass(slots=True)
class Described:
    """A node of EXPLAIN: its title, its properties in order, and its inputs by relationship.

    The title is for the text format. The others have Node Type and what goes with it in `kind` (the title where it is
    empty), and what the node is about in `target`.
    """

    title: str
    plan: Plan | None
    details: list[Detail] = field(default_factory=list)
    children: list[tuple[str, Described]] = field(default_factory=list)
    kind: tuple[tuple[str, str], ...] = ()
    target: tuple[tuple[str, str], ...] = ()


def describe_plan(
    planned: PlannedStatement, options: ExplainOptions, instruments: Instruments | None = None
) -> list[str]:
    """The lines of EXPLAIN in text format; instruments is what EXPLAIN ANALYZE measured."""
    writer = _Writer(options, instruments)
    return list(writer.lines(described_plan(planned, options), 0))


def described_plan(planned: PlannedStatement, options: ExplainOptions) -> Described:
    """The tree of a statement's plan; raises the error that planning has found."""
    if isinstance(planned.plan, p.Failure):
        raise copy(planned.plan.error)
    return describe(planned.plan, options.schema_name if options.verbose else None)


def describe(plan: Plan, schema_name: Callable[[int], str] | None = None) -> Described:
    """The tree of a plan; schema_name: by OID, for tables to be shown with their schemas."""
    names = name_columns(plan)
    names.schema_name = schema_name
    root = _describe(plan, names)
    for number, node in _subplans(names):
        title = "SubPlan" if node.outer or node.kind in ("any", "all", "exists") else "InitPlan"
        root.children.append((f"{title} {number}", _describe(node.plan, names)))
    return root


def _subplans(names: Names) -> Iterator[tuple[int, Any]]:
    # The list grows while plans of subqueries are described.
    position = 0
    while position < len(names.subplans):
        yield position + 1, names.subplans[position]
        position += 1


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes nodes as lines, indented as PostgreSQL does."""

    options: ExplainOptions
    instruments: Instruments | None

    def lines(self, node: Described, depth: int, label: str = "") -> Iterator[str]:
        """The lines of a node and of those below it."""
        indent = "" if depth == 0 else " " * (6 * depth - 4)
        arrow = "" if depth == 0 else "->  "
        if label:
            yield f"{indent}{label}"
            indent += "  "
        yield f"{indent}{arrow}{node.title}{self._numbers(node)}"
        inner = " " * (6 * depth + 2 + (2 if label else 0))
        for name, value in node.details:
            yield f"{inner}{name}: {value if isinstance(value, str) else ', '.join(value)}"
        removed = rows_removed(node, self._measured(node))
        if removed:
            yield f"{inner}Rows Removed by Filter: {removed}"
        measured = self._measured(node)
        if measured is not None and measured.skipped_groups:
            yield f"{inner}Row Groups Skipped: {measured.skipped_groups}"
        for relationship, child in node.children:
            named = relationship if " " in relationship else ""
            yield from self.lines(child, depth + 1, named)

    def _measured(self, node: Described) -> Measured | None:
        return measured_of(node, self.instruments)

    def _numbers(self, node: Described) -> str:
        if node.plan is None:
            return ""
        parts = []
        if self.options.costs:
            estimate = node.plan.estimate
            parts.append(
                f"(cost={estimate.startup_cost:.2f}..{estimate.total_cost:.2f} "
                f"rows={max(round(estimate.rows), 0)} width={estimate.width})"
            )
        if self.options.analyze:
            parts.append(self._actual(self._measured(node)))
        # Costs stand two blanks from the title, what was measured one.
        return " " * (1 + self.options.costs) + " ".join(parts) if parts else ""

    def _actual(self, measured: Measured | None) -> str:
        if measured is None or not measured.loops:
            return "(never executed)"
        loops = measured.loops
        rows = round(measured.rows / loops)
        if not self.options.timing:
            return f"(actual rows={rows} loops={loops})"
        start, total = (ns / loops / 1e6 for ns in (measured.startup_ns, measured.total_ns))
        return f"(actual time={start:.3f}..{total:.3f} rows={rows} loops={loops})"


def measured_of(node: Described, instruments: Instruments | None) -> Measured | None:
    """What was measured of a node."""
    if instruments is None or node.plan is None:
        return None
    return instruments.get(node.plan)


def rows_removed(node: Described, measured: Measured | None) -> int:
    """How many rows the filter of a node has dropped, a loop."""
    if measured is None or not any(name == "Filter" for name, _ in node.details):
        return 0
    return round(measured.filtered_rows / max(measured.loops, 1))


def _on(plan: Any, names: Names) -> str:
    """The table of a scan and its alias."""
    alias = f" {plan.alias}" if plan.alias and plan.alias != plan.table.name else ""
    if names.schema_name is None:
        return f"{plan.table.name}{alias}"
    return f"{names.schema_name(plan.table.schema)}.{plan.table.name}{alias}"


def _relation(plan: Any, names: Names) -> tuple[tuple[str, str], ...]:
    """The same as facts."""
    shown = [("Relation Name", plan.table.name)]
    if names.schema_name is not None:
        shown.append(("Schema", names.schema_name(plan.table.schema)))
    shown.append(("Alias", getattr(plan, "alias", "") or plan.table.name))
    return tuple(shown)


def _describe(plan: Plan, names: Names) -> Described:
    if not names.columns:
        fresh = name_columns(plan)
        names.columns.update(fresh.columns)
        names.computed |= fresh.computed
    elif not plan.output or any(column not in names.columns for column in plan.output):
        fresh = Names(qualified=names.qualified)
        name_below(plan, fresh, names.qualified)
        for column, text in fresh.columns.items():
            if column not in names.columns:
                names.columns[column] = text
                names.computed |= fresh.computed & {column}
    describer = _DESCRIBERS.get(type(plan)) or _plain(type(plan).__name__)
    node = describer(plan, names)
    if names.schema_name is not None and plan.output:
        others = [detail for detail in node.details if detail[0] != "Output"]
        node.details = [("Output", _output(plan, names)), *others]
    return node


def _node(
    plan: Plan, names: Names, title: str, *details: tuple[str, str | tuple[str, ...] | None]
) -> Described:
    node = Described(title, plan, [(name, text) for name, text in details if text])
    for child in plans_of(plan):
        node.children.append(("Outer", _describe(child, names)))
    return node


def _plain(title: str) -> Callable[[Any, Names], Described]:
    return lambda plan, names: _node(plan, names, title)


def _condition(expression: Expression | None, names: Names) -> str | None:
    return None if expression is None else deparse(expression, names)


def _table_scan(plan: p.TableScan, names: Names) -> Described:
    title = f"Seq Scan on {_on(plan, names)}"
    node = _node(plan, names, title, ("Filter", _condition(plan.filter, names)))
    node.kind, node.target = (("Node Type", "Seq Scan"),), _relation(plan, names)
    return node


def _foreign_scan(plan: p.ForeignScan, names: Names) -> Described:
    options = dict(text.split("=", 1) for text in plan.table.foreign_options)
    node = _node(
        plan,
        names,
        f"Foreign Scan on {_on(plan, names)}",
        ("Filter", _condition(plan.filter, names)),
        ("Foreign File", options.get("filename")),
        ("Foreign Program", options.get("program")),
    )
    node.kind, node.target = (("Node Type", "Foreign Scan"),), _relation(plan, names)
    return node


def _row_id_scan(plan: p.RowIdScan, names: Names) -> Described:
    node = _node(plan, names, f"Tid Scan on {_on(plan, names)}")
    node.kind, node.target = (("Node Type", "Tid Scan"),), _relation(plan, names)
    return node


def _index_scan(plan: p.IndexScan, names: Names) -> Described:
    kind = "Index Only Scan" if plan.index_only else "Index Scan"
    way = " Backward" if plan.backward else ""
    node = _node(
        plan,
        names,
        f"{kind}{way} using {plan.index.name} on {_on(plan, names)}",
        ("Index Cond", _index_condition(plan, names)),
        ("Filter", _condition(plan.filter, names)),
    )
    node.kind = (("Node Type", kind),)
    direction = "Backward" if plan.backward else "Forward"
    node.target = (
        ("Scan Direction", direction),
        ("Index Name", plan.index.name),
        *_relation(plan, names),
    )
    return node


ORDERS = frozenset(("<", "<=", ">", ">="))
"""Operators that classes of patterns have in a form of their own."""


def _index_condition(plan: p.IndexScan, names: Names) -> str | None:
    parts = []
    for condition in plan.conditions:
        key = plan.index.keys[condition.position]
        name = _key_name(plan, condition.position)
        goes_by_bytes = key.operator_class.endswith("_pattern_ops")
        if condition.operator in ("null", "notnull"):
            parts.append(f"({name} IS {'NOT ' if condition.operator == 'notnull' else ''}NULL)")
            continue
        assert condition.value is not None
        value = deparse(condition.value, names)
        if condition.operator in p.ROW_OPERATORS:
            parts.append(
                f"(ROW({_row_keys(plan, condition)}) {p.ROW_OPERATORS[condition.operator]} {value})"
            )
            continue
        if condition.operator == "any":
            parts.append(f"({name} = ANY ({value}))")
            continue
        for operator, text in _compared(condition, value, names):
            shown = f"~{operator}~" if goes_by_bytes and operator in ORDERS else operator
            parts.append(f"({name} {shown} {text})")
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"


def _key_name(plan: p.IndexScan, position: int) -> str:
    key = plan.index.keys[position]
    return key.expression or plan.table.column(key.number).name


def _row_keys(plan: p.IndexScan, condition: p.KeyCondition) -> str:
    """The keys that a condition compares as a row."""
    assert isinstance(condition.value, RowConstructor)
    first = condition.position
    return ", ".join(
        _key_name(plan, number) for number in range(first, first + len(condition.value.items))
    )


def _compared(condition: p.KeyCondition, value: str, names: Names) -> list[tuple[str, str]]:
    """With what a key is compared; for a pattern that is not known yet, the pattern itself."""
    if condition.operator not in PREFIXES:
        return [(condition.operator, value)]
    pattern = condition.value
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        return [("^@", value)]
    bounds = pattern_bounds(condition.operator, pattern.value)
    return [(operator, deparse(replace(pattern, value=text), names)) for operator, text in bounds]


def _inverted_scan(plan: InvertedScan, names: Names) -> Described:
    asked = and_all([condition.written for condition in plan.conditions])
    node = _node(
        plan,
        names,
        f"Bitmap Heap Scan on {_on(plan, names)}",
        ("Recheck Cond", _condition(plan.recheck, names)),
        ("Filter", _condition(plan.filter, names)),
    )
    node.kind, node.target = (("Node Type", "Bitmap Heap Scan"),), _relation(plan, names)
    entries = Described(f"Bitmap Index Scan on {plan.index.name}", plan)
    entries.kind = (("Node Type", "Bitmap Index Scan"),)
    entries.target = (("Index Name", plan.index.name),)
    entries.details.append(("Index Cond", deparse(asked, names)))
    node.children.append(("Outer", entries))
    return node


_JOIN_NAMES = {
    "inner": "",
    "left": " Left",
    "right": " Right",
    "full": " Full",
    "semi": " Semi",
    "anti": " Anti",
    "null_anti": " Null-Aware Anti",
}


def _join_type(kind: str) -> tuple[tuple[str, str], ...]:
    return (("Join Type", _JOIN_NAMES[kind].strip() or "Inner"),)


def _hash_join(plan: p.HashJoin, names: Names) -> Described:
    keys = [f"({deparse(a, names)} = {deparse(b, names)})" for a, b, _ in plan.keys]
    condition = keys[0] if len(keys) == 1 else f"({' AND '.join(keys)})"
    suffix = " Join" if plan.kind == "inner" else f"{_JOIN_NAMES[plan.kind]} Join"
    node = Described(f"Hash{suffix}", plan, [("Hash Cond", condition)])
    node.kind, node.target = (("Node Type", "Hash Join"),), _join_type(plan.kind)
    if plan.residual is not None:
        node.details.append(("Join Filter", deparse(plan.residual, names)))
    build = Described("Hash", plan.right)
    build.children.append(("Outer", _describe(plan.right, names)))
    node.children = [("Outer", _describe(plan.left, names)), ("Inner", build)]
    return node


def _nested_loop(plan: p.NestedLoop, names: Names) -> Described:
    suffix = f"{_JOIN_NAMES[plan.kind]} Join" if plan.kind != "inner" else ""
    node = _node(
        plan, names, f"Nested Loop{suffix}", ("Join Filter", _condition(plan.condition, names))
    )
    node.kind, node.target = (("Node Type", "Nested Loop"),), _join_type(plan.kind)
    if len(node.children) > 1:
        node.children[1] = ("Inner", node.children[1][1])
    return node


def _aggregate_kind(strategy: str) -> tuple[tuple[str, str], ...]:
    return (("Node Type", "Aggregate"), ("Strategy", strategy), ("Partial Mode", "Simple"))


def _aggregate(plan: p.HashAggregate, names: Names) -> Described:
    if not plan.keys:
        node = _node(plan, names, "Aggregate")
        node.kind = _aggregate_kind("Plain")
        return node
    keys = [bracketed(key, names) for key in plan.keys]
    if len(plan.sets) == 1:
        node = _node(plan, names, "HashAggregate", ("Group Key", tuple(keys)))
        node.kind = _aggregate_kind("Hashed")
        return node
    strategy = "Mixed" if () in plan.sets else "Hashed"
    node = _node(plan, names, "MixedAggregate" if () in plan.sets else "HashAggregate")
    node.kind = _aggregate_kind(strategy)
    for members in plan.sets:
        shown = ", ".join(keys[number] for number in members) or "()"
        node.details.append(("Hash Key" if members else "Group Key", shown))
    return node


def _sort(plan: p.Sort, names: Names) -> Described:
    keys = tuple(deparse_key(key, names) for key in plan.keys)
    return _node(plan, names, "Sort", ("Sort Key", keys))


def _filter(plan: p.Filter, names: Names) -> Described:
    """A filter is a property of the node below, as PostgreSQL shows it."""
    inner = _describe(plan.input, names)
    inner.details.append(("Filter", deparse(plan.condition, names)))
    inner.plan = plan
    return inner


def _project(plan: p.Project, names: Names) -> Described:
    """Projection is done by every node of PostgreSQL: it has no line of its own."""
    if isinstance(plan.input, p.OneRow):
        return Described("Result", plan)
    inner = _describe(plan.input, names)
    for each in plan.expressions:
        deparse(each, names)  # numbers the subplans
    return inner


def _values(plan: p.Values, names: Names) -> Described:
    if len(plan.rows) == 1:
        return Described("Result", plan)
    node = Described('Values Scan on "*VALUES*"', plan)
    node.kind, node.target = (("Node Type", "Values Scan"),), (("Alias", "*VALUES*"),)
    return node


def _function_scan(plan: p.FunctionScan, names: Names) -> Described:
    called = [getattr(getattr(each, "function", None), "name", "") for each in plan.functions]
    node = Described(f"Function Scan on {', '.join(called)}", plan)
    node.kind = (("Node Type", "Function Scan"),)
    node.target = (("Function Name", ", ".join(called)), ("Alias", ", ".join(called)))
    return node


def _named_scan(kind: str) -> Callable[[Any, Names], Described]:
    """A scan of what WITH has made."""

    def described(plan: Any, names: Names) -> Described:
        node = Described(f"{kind} on {plan.alias}", plan)
        node.kind = (("Node Type", kind),)
        node.target = (("CTE Name", plan.alias), ("Alias", plan.alias))
        return node

    return described


def _set_operation(plan: p.SetOperation, names: Names) -> Described:
    if plan.kind == "union":
        inner = Described("Append", None)
        inner.children = [("Outer", _describe(each, names)) for each in (plan.left, plan.right)]
        node = Described("HashAggregate", plan, [("Group Key", _output(plan, names))])
        node.kind = _aggregate_kind("Hashed")
        node.children = [("Outer", inner)]
        return node
    word = plan.kind.capitalize() + (" All" if plan.all else "")
    node = _node(plan, names, f"HashSetOp {word}")
    node.kind = (("Node Type", "SetOp"), ("Strategy", "Hashed"))
    node.target = (("Command", word),)
    return node


def _output(plan: Plan, names: Names) -> tuple[str, ...]:
    """The columns of a node."""
    return tuple(names.columns.get(column, f"column{column}") for column in plan.output)


def _distinct(plan: p.Distinct, names: Names) -> Described:
    if plan.on is not None:
        return _node(plan, names, "Unique")
    node = _node(plan, names, "HashAggregate", ("Group Key", _output(plan, names)))
    node.kind = _aggregate_kind("Hashed")
    return node


def _modify(word: str) -> Callable[[Any, Names], Described]:
    def described(plan: Any, names: Names) -> Described:
        shown = plan.table.name
        if names.schema_name is not None:
            shown = f"{names.schema_name(plan.table.schema)}.{shown}"
        node = _node(plan, names, f"{word} on {shown}")
        node.kind = (("Node Type", "ModifyTable"), ("Operation", word))
        node.target = _relation(plan, names)
        conflict = getattr(plan, "conflict", None)
        if conflict is not None:
            resolution = "NOTHING" if conflict.update is None else "UPDATE"
            node.details.append(("Conflict Resolution", resolution))
            arbiters = tuple(index.name for index in conflict.indexes)
            if arbiters:
                node.details.append(("Conflict Arbiter Indexes", arbiters))
        return node

    return described


def _common_table(plan: p.CommonTable, names: Names) -> Described:
    node = _describe(plan.input, names)
    for number, table in plan.tables:
        node.children.insert(0, (f"CTE {_table_name(plan, number)}", _describe(table, names)))
    return node


def _table_name(plan: Plan, number: int) -> str:
    for each in every_plan(plan):
        if isinstance(each, p.CommonTableScan) and each.table_id == number:
            return each.alias
    return f"cte{number}"


_DESCRIBERS: dict[type[Plan], Callable[[Any, Names], Described]] = {
    p.OneRow: _plain("Result"),
    p.NoRows: lambda plan, names: Described("Result", plan, [("One-Time Filter", "false")]),
    p.Values: _values,
    p.TableScan: _table_scan,
    p.CatalogScan: _table_scan,
    p.ForeignScan: _foreign_scan,
    p.IndexScan: _index_scan,
    InvertedScan: _inverted_scan,
    p.RowIdScan: _row_id_scan,
    p.FunctionScan: _function_scan,
    p.Filter: _filter,
    p.Project: _project,
    p.ProjectSet: _plain("ProjectSet"),
    p.Limit: _plain("Limit"),
    p.Sort: _sort,
    p.Distinct: _distinct,
    p.HashAggregate: _aggregate,
    p.HashJoin: _hash_join,
    p.NestedLoop: _nested_loop,
    p.Append: _plain("Append"),
    p.SetOperation: _set_operation,
    p.Window: _plain("WindowAgg"),
    p.CommonTable: _common_table,
    p.CommonTableScan: _named_scan("CTE Scan"),
    p.RecursiveUnion: _plain("Recursive Union"),
    p.WorkTableScan: _named_scan("WorkTable Scan"),
    p.LockRows: _plain("LockRows"),
    change_plans.Insert: _modify("Insert"),
    change_plans.Update: _modify("Update"),
    change_plans.CatalogUpdate: _modify("Update"),
    change_plans.Delete: _modify("Delete"),
    change_plans.Merge: _modify("Merge"),
}
"""How each class of node is described."""
