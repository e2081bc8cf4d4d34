"""plan_statement: a parsed statement to a plan that the executor can run.

The one door of the planner.

bind (names, types) > rewrite (rules) > choose (cost)
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from server.planner.apply_rules import EVENTS, Step, steps_of
from server.planner.bind_statement import BoundStatement, bind_statement
from server.planner.choose import Chooser
from server.planner.environment import LOCK_ORDER, BindContext, PlanningEnvironment
from server.planner.index_locks import with_indexes
from server.planner.judged import judged
from server.planner.may_wait import tables_may_wait
from server.planner.physical import Failure
from server.planner.plan import Modify, Node
from server.planner.planned import Access, PlannedStatement
from server.planner.rewrite.rules import rewrite
from server.planner.rule_tree import Voice
from server.planner.shape import shape_of
from server.planner.type_facts import base_modifier, base_type
from server.sql.parse import parse_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.planner import physical as p
    from server.sql.parse import Statement
    from server.types.type import TypeReference


def plan_statement(
    statement: Statement, environment: PlanningEnvironment, names: Any = None
) -> PlannedStatement:
    """Plan a query or a data change; names: of the body of a routine that it stands in.

    Errors in it are raised with PostgreSQL's wording and position.
    """
    tree = statement.tree
    assert isinstance(tree, exp.Expression), "utility statements are not planned"
    context = BindContext(environment, base_offset=statement.offset, role=environment.user)
    context.routine = names
    return plan_tree(context, tree)


def plan_tree(context: BindContext, tree: exp.Expression) -> PlannedStatement:
    """Plan a query or a data change, and what the rules of the relation it changes make of it."""
    steps = steps_of(context, tree)
    if steps is None:
        return plan_bound(context, bind_statement(context, tree))
    main, planned = _main_step(tree, steps), [_plan_step(context, step) for step in steps]
    own = _nothing(context, tree) if main is None else planned[main]
    place = 0 if main is None else main
    return _combined(context, own, planned[:place], planned[place + (main is not None) :])


def _main_step(tree: exp.Expression, steps: list[Step]) -> int | None:
    """Which step gives the tag and the rows."""
    for place, step in enumerate(steps):
        if step.origin == "statement":
            return place
    kind = type(tree)
    replacing = [
        place
        for place, step in enumerate(steps)
        if step.origin == "instead" and type(step.tree) is kind
    ]
    return replacing[-1] if replacing else None


def _nothing(context: BindContext, tree: exp.Expression) -> PlannedStatement:
    """What is left of a statement that rules have made nothing of."""
    (empty,) = parse_statements("SELECT WHERE false")
    assert isinstance(empty.tree, exp.Expression)
    planned = _plan_step(context, Step(empty.tree, Voice.of(context), "instead"))
    return replace(planned, tag=EVENTS[type(tree)][0].upper(), returns_rows=False)


def _plan_step(context: BindContext, step: Step) -> PlannedStatement:
    own = BindContext(step.voice.environment, base_offset=step.voice.base_offset)
    own.role, own.routine = step.voice.role, step.voice.routine
    own.parameters, own.fixed_parameters = context.parameters, context.fixed_parameters
    own.transition_tables = context.transition_tables
    planned = plan_bound(own, bind_statement(own, step.tree))
    return planned if step.is_shown else replace(planned, returns_rows=False)


def _combined(
    context: BindContext,
    main: PlannedStatement,
    before: list[PlannedStatement],
    after: list[PlannedStatement],
) -> PlannedStatement:
    """One statement that runs several."""
    every = (main, *before, *after)
    modes: dict[int, str] = dict(context.relations)
    for each in every:
        for oid, mode in each.relations:
            if LOCK_ORDER.index(mode) >= LOCK_ORDER.index(modes.get(oid, mode)):
                modes[oid] = mode
    count = max(context.parameters, default=0)
    return replace(
        main,
        parameters=tuple(context.parameters[number] for number in range(1, count + 1)),
        writes=True,
        relations=tuple(modes.items()),
        partitions=tuple(part for each in every for part in each.partitions),
        access=(*_accesses(context), *(access for each in every for access in each.access)),
        volatile=True,
        slow=any(each.slow for each in every),
        step_count=sum(each.step_count for each in every),
        depends_on_style=any(each.depends_on_style for each in every),
        depends_on_moment=any(each.depends_on_moment for each in every),
        shape=None,
        uses=tuple(sorted({oid for each in every for oid in each.uses})),
        calls_routines=any(each.calls_routines for each in every),
        lasting=next((each.lasting for each in (*before, main, *after) if each.lasting), ""),
        before=tuple(before),
        after=tuple(after),
    )


def plan_bound(context: BindContext, bound: BoundStatement) -> PlannedStatement:
    """Plan what has been bound."""
    chooser = Chooser(context)
    node = rewrite(chooser, bound.node)
    chooser.register(node)
    chooser.regions.forget()  # what rules have asked for knew less
    plan = _choose(chooser, bound, node)
    if chooser.error is not None:
        error = copy(chooser.error)  # the one that was raised holds the frames that it came through
        plan = Failure(output=plan.output, types=plan.types, error=error)
    planned = _planned(context, bound, plan)
    if context.environment.samples:
        return replace(planned, judged=judged(chooser.facts, bound.node))
    return planned


def _choose(chooser: Chooser, bound: BoundStatement, node: Node) -> p.Plan:
    if _is_modification(node):
        return chooser.choose(node, {column.column for column in bound.columns})
    rows = chooser.context.cursor_rows
    return chooser.exactly(node, (*bound.columns, *(() if rows is None else rows.columns)))


def _is_modification(node: Node) -> bool:
    from server.planner.plan import CommonTables

    while isinstance(node, CommonTables):
        node = node.input
    return isinstance(node, Modify)


def _planned(context: BindContext, bound: BoundStatement, plan: p.Plan) -> PlannedStatement:
    count = max(context.parameters, default=0)
    rows = context.cursor_rows
    calls_routines = context.calls_routines or (
        bound.writes and tables_may_wait(context, bound.node)
    )
    return PlannedStatement(
        plan=plan,
        names=tuple(column.name for column in bound.columns),
        # Clients are told the type under a domain.
        types=tuple(shown_type(context, column.type) for column in bound.columns),
        origins=bound.origins,
        own_types=tuple(column.type for column in bound.columns),
        parameters=tuple(context.parameters[number] for number in range(1, count + 1)),
        tag=bound.tag,
        returns_rows=bound.returns_rows,
        writes=bound.writes,
        relations=tuple(_locks(context, bound.tag)),
        partitions=tuple(context.partitions),
        catalog_version=context.catalog.version,
        access=_accesses(context),
        volatile=context.volatile,
        slow=context.slow,
        depends_on_style=context.depends_on_style,
        depends_on_moment=context.depends_on_moment,
        shape=None if calls_routines else shape_of(plan),
        uses=tuple(sorted(context.uses)),
        calls_routines=calls_routines,
        cursor_sources=() if rows is None else rows.placed(len(bound.columns)),
        locks="" if rows is None else rows.locks,
        step_count=context.step_count,
        lasting=_lasting(context, bound.tag),
    )


def _locks(context: BindContext, tag: str) -> Iterator[tuple[int, str]]:
    """What is locked; an INSERT keeps nobody from the indexes of what it writes but by the table."""
    for each in context.relations.items():
        if tag == "INSERT" and each[1] == "row exclusive":
            yield each
        else:
            yield from with_indexes(context.catalog, (each,))


def _lasting(context: BindContext, tag: str) -> str:
    """What a read-only transaction refuses of a statement: its command, unless all that changes is temporary."""
    for each in context.access:
        if not set(each.privileges).isdisjoint("awd"):
            value = context.catalog.object(each.relation)
            if getattr(value, "persistence", "p") != "t":
                return f"{tag} {context.locked_for}".rstrip()
    return ""


def _accesses(context: BindContext) -> tuple[Access, ...]:
    return tuple(
        Access(each.relation, each.privileges, tuple(sorted(each.columns)), each.role)
        for each in context.access
        if each.columns or not each.if_read
    )


def shown_type(context: BindContext, kind: TypeReference) -> TypeReference:
    """The type of a column as RowDescription tells it."""
    base = base_type(context, kind.oid)
    if base == kind.oid:
        return kind
    return context.type(base, base_modifier(context, kind.oid))
