"""Rules applied: the statements that one change of a relation with rules becomes.

Rule 1: the actions run before the statement itself, but after an INSERT, so that they find the rows it is about.
Rule 2: the statement runs unless an unconditional INSTEAD rule takes its place; conditional ones take rows of it.
Rule 3: the statement gives the tag and the rows; where it does not run, the last INSTEAD action of its kind does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from server.catalog.objects import Table
from server.errors import FeatureNotSupported, InvalidObjectDefinition
from server.planner.bind_from import find_relation
from server.planner.bind_instead import has_instead
from server.planner.bind_modify import returned_targets
from server.planner.bind_query import bind_targets
from server.planner.bind_text import parse_query
from server.planner.environment import BindContext
from server.planner.rule_rows import ChangeSource
from server.planner.rule_tree import RuleRows, Voice, reads_rows, voice_of, with_rows
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.planner.updatable import not_updatable
from server.sql import nodes
from server.sql.parse import parse_statements
from server.sql.utility_session import Notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.objects import Oid
    from server.catalog.trigger_objects import Rule
    from server.planner.bind_order import Target
    from server.planner.environment import PlanningEnvironment

EVENTS: dict[type[exp.Expression], tuple[str, str]] = {
    nodes.Insert: ("insert", "a"),
    nodes.Update: ("update", "w"),
    nodes.Delete: ("delete", "d"),
}
"""The event that a statement is, and the letter of its privilege."""

CONDITIONAL_INSTEAD = "Views with conditional DO INSTEAD rules are not automatically updatable."
IN_WITH = "data-modifying statements in WITH"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement to run. origin: `statement`, or the kind of rule it comes from: `also`, `instead`."""

    tree: exp.Expression
    voice: Voice
    origin: str
    is_shown: bool = True  # a client may see its rows


@dataclass(frozen=True, slots=True)
class Applied:
    """The rules of the relation that a statement changes."""

    table: Table
    event: str
    rules: tuple[Rule, ...]

    @property
    def replaces(self) -> bool:
        """Whether the statement itself does not run."""
        return any(rule.instead and rule.condition is None for rule in self.rules)

    @property
    def conditional(self) -> tuple[Rule, ...]:
        """The rules that take some of its rows."""
        return tuple(rule for rule in self.rules if rule.instead and rule.condition is not None)


def rules_for(
    context: BindContext, tree: exp.Expression, passed: frozenset[Oid] = frozenset()
) -> Applied | None:
    """The rules that a statement meets; None, as nearly always, for none. passed: relations whose rules it has met."""
    if isinstance(tree, nodes.Merge):
        _refuse_merge(context, tree)
        return None
    event = EVENTS.get(type(tree))
    if event is None or tree.args.get("ignores_rules"):
        return None
    named = find_relation(context, tree.args["table"].args["parts"])
    if not isinstance(named, Table):
        return None
    table = named
    while True:
        rules = _rules_of(context, table, event[0])
        if rules and table.oid not in passed:
            return Applied(table, event[0], rules)
        below = _below(context, table, event[1])
        if below is None:
            return None
        table = below


def _rules_of(context: BindContext, table: Table, event: str) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in context.catalog.rules_of(table.oid)
        if rule.event == event and rule.enabled in context.environment.firing_states
    )


def _below(context: BindContext, view: Table, privilege: str) -> Table | None:
    """The relation that a view is changed by way of."""
    if view.kind != "v" or view.view_query is None or has_instead(context, view, privilege):
        return None
    query = parse_query(view.view_query)
    sources = query.args.get("from_items") or []
    if len(sources) != 1 or not isinstance(sources[0], nodes.TableReference):
        return None
    previous = context.environment
    if view.view_path:
        context.environment = replace(previous, search_path=view.view_path)
    found = find_relation(context, sources[0].args["parts"])
    context.environment = previous
    return found if isinstance(found, Table) else None


def _refuse_merge(context: BindContext, tree: exp.Expression) -> None:
    found = find_relation(context, tree.args["table"].args["parts"])
    if isinstance(found, Table) and context.catalog.rules_of(found.oid):
        raise FeatureNotSupported(
            f'cannot execute MERGE on relation "{found.name}"',
            detail="MERGE is not supported for relations with rules.",
        )


def steps_of(context: BindContext, tree: exp.Expression) -> list[Step] | None:
    """What a statement becomes, in the order to run; None where no rule concerns it."""
    if rules_for(context, tree) is None:
        return None
    steps = _expanded(context, Step(tree, Voice.of(context), "statement"), frozenset())
    if tree.args.get("with_clause") is not None and len(steps) > 1:
        raise FeatureNotSupported(
            "WITH cannot be used in a query that is rewritten by rules into multiple queries"
        )
    return steps


def _expanded(
    context: BindContext,
    step: Step,
    seen: frozenset[tuple[Oid, str]],
    passed: frozenset[Oid] = frozenset(),
) -> list[Step]:
    with step.voice.speaking(context):
        found = rules_for(context, step.tree, passed)
    if found is None:
        return [step]
    key = (found.table.oid, found.event)
    if key in seen:
        raise InvalidObjectDefinition(
            f'infinite recursion detected in rules for relation "{found.table.name}"'
        )
    _check(found, step.tree)
    source = ChangeSource(step.tree, step.voice, found.table.oid)
    with step.voice.speaking(context):
        source.rows(context)  # what is wrong with the statement is so whatever becomes of it
    actions: list[Step] = []
    for rule in found.rules:
        for action in _actions(context, rule, source):
            actions += _expanded(context, action, seen | {key})
    if found.replaces:
        return actions
    own = _expanded(context, _own(step, found), seen | {key}, passed | {found.table.oid})
    return [*own, *actions] if found.event == "insert" else [*actions, *own]


def _check(found: Applied, tree: exp.Expression) -> None:
    """Refuse what cannot be combined with the rules."""
    table = found.table
    if tree.args.get("conflict") is not None:
        raise FeatureNotSupported(
            "INSERT with ON CONFLICT clause cannot be used with table that has INSERT or UPDATE rules"
        )
    if table.kind == "v" and found.conditional and not found.replaces:
        raise not_updatable(table.name, EVENTS[type(tree)][1], CONDITIONAL_INSTEAD)
    if not found.replaces or not tree.args.get("returning"):
        return
    if not any(_returning_action(rule) for rule in found.rules):
        verb = found.event.upper()
        raise FeatureNotSupported(
            f'cannot perform {verb} RETURNING on relation "{table.name}"',
            hint=f"You need an unconditional ON {verb} DO INSTEAD rule with a RETURNING clause.",
        )


def _returning_action(rule: Rule) -> bool:
    """Whether a rule says what the statement returns that it stands for."""
    if not rule.instead or rule.condition is not None:
        return False
    trees = (parse_statements(text)[0].tree for text in rule.actions)
    return any(
        isinstance(tree, exp.Expression) and bool(tree.args.get("returning")) for tree in trees
    )


def _own(step: Step, found: Applied) -> Step:
    """The statement without the rows that conditional INSTEAD rules take."""
    if not found.conditional:
        return step
    tree = step.tree.copy()
    tree.set("replaced_by", found.conditional)
    return replace(step, tree=tree)


def _actions(context: BindContext, rule: Rule, source: ChangeSource) -> list[Step]:
    """The actions of a rule as statements that read the rows of another one."""
    voice = voice_of(context, rule)
    kind = "instead" if rule.instead else "also"
    steps = []
    for text in rule.actions:
        tree = parse_statements(text)[0].tree
        if isinstance(tree, Notify):
            steps.append(Step(_notification(tree), voice, kind, is_shown=False))
            continue
        assert isinstance(tree, exp.Expression), text
        _refuse_changing_with(source.tree, tree)
        if _needs_rows(rule, tree, source.tree):
            with voice.speaking(context):
                tree = with_rows(context, tree, RuleRows(bind=source.bound_for(rule)))
        if not isinstance(tree, nodes.Query):
            _set_returning(tree, source)
        steps.append(Step(tree, voice, kind))
    return steps


def _refuse_changing_with(statement: exp.Expression, action: exp.Expression) -> None:
    clause = statement.args.get("with_clause")
    changes = clause is not None and any(
        not isinstance(each.args["query"], nodes.Query) for each in clause.args["expressions"]
    )
    if (
        changes
        and isinstance(action, nodes.Insert)
        and isinstance(action.args["query"], nodes.Select)
    ):
        raise FeatureNotSupported(
            "INSERT...SELECT rule actions are not supported for queries having data-modifying "
            "statements in WITH"
        )


def _needs_rows(rule: Rule, action: exp.Expression, statement: exp.Expression) -> bool:
    """Whether an action is done for each row; one that reads none of an unrestricted change is done once."""
    if isinstance(statement, nodes.Insert) or rule.condition is not None or reads_rows(action):
        return True
    return any(statement.args.get(part) for part in ("where", "from_items", "using"))


def _set_returning(tree: exp.Expression, source: ChangeSource) -> None:
    """Make an action return what the statement does that it stands for, or nothing."""
    if not source.tree.args.get("returning"):
        tree.set("returning", [])
    elif tree.args.get("returning"):
        tree.set("returning_for", _returning_through(source))


def _returning_through(
    source: ChangeSource,
) -> Callable[[BindContext, Scope, list[Target]], list[Target]]:
    """RETURNING of a statement over what an action returns for the columns of its relation."""

    def bind(context: BindContext, scope: Scope, given: list[Target]) -> list[Target]:
        reference = source.tree.args["table"]
        with source.voice.speaking(context):
            table = find_relation(context, reference.args["parts"])
            assert isinstance(table, Table)
            listed = tuple(
                RangeColumn(column.name, target.expression, (table.oid, column.number))
                for column, target in zip(table.live_columns, given, strict=False)
            )
            alias = reference.args.get("alias") or table.name
            item = RangeItem(alias=alias, listed=listed, table=table)
            inner = Scope(parent=scope.parent, items=[item, *source.others], outer=scope.outer)
            inner.clause = "RETURNING"
            if source.tree.args.get("returning_for") is not None:
                return returned_targets(context, inner, source.tree)
            return bind_targets(context, inner, source.tree.args["returning"])

    return bind


def _notification(notify: Notify) -> exp.Expression:
    arguments = [nodes.StringConstant(this=text) for text in (notify.channel, notify.payload or "")]
    tree = parse_statements("SELECT pg_catalog.pg_notify('', '')")[0].tree
    assert isinstance(tree, exp.Expression)
    tree.args["targets"][0].this.set("arguments", arguments)
    return tree


def only_step(context: BindContext, tree: exp.Expression, place: str = IN_WITH) -> Step | None:
    """The one statement that stands for another where there is no room for several; None: no rule concerns it."""
    found = rules_for(context, tree)
    if found is None:
        return None
    refused = _reason_against(found)
    if refused:
        raise FeatureNotSupported(f"{refused} rules are not supported for {place}")
    steps = _expanded(context, Step(tree, Voice.of(context), "statement"), frozenset())
    if len(steps) != 1:
        also = any(step.origin == "also" for step in steps)
        kind = "DO ALSO" if also else "multi-statement DO INSTEAD"
        raise FeatureNotSupported(f"{kind} rules are not supported for {place}")
    return steps[0]


def _reason_against(found: Applied) -> str:
    for rule in found.rules:
        if rule.condition is not None and rule.instead:
            return "conditional DO INSTEAD"
        if not rule.instead:
            return "DO ALSO"
        if not rule.actions:
            return "DO INSTEAD NOTHING"
        if rule.actions[0].startswith("NOTIFY "):
            return "DO INSTEAD NOTIFY"
        if len(rule.actions) > 1:
            return "multi-statement DO INSTEAD"
    return "multi-statement DO INSTEAD" if len(found.rules) > 1 else ""


def refuse_rules(environment: PlanningEnvironment, tree: exp.Expression, place: str) -> None:
    """Refuse a statement that rules make several of, where there is room for one."""
    only_step(BindContext(environment, base_offset=-1, role=environment.user), tree, place)
