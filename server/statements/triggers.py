"""CREATE TRIGGER, and ENABLE and DISABLE of triggers; triggers of partitioned tables reach their partitions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Constraint, Table
from server.catalog.privileges import is_superuser
from server.catalog.trigger_objects import Trigger
from server.catalog.views.physical import named_facts
from server.errors import (
    DuplicateColumn,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    SqlError,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from server.oids import TRIGGER
from server.planner.conditions import check_trigger_condition
from server.sql import alter_commands, utility_functions
from server.sql.object_names import ObjectName
from server.statements.names import claim_name, refuse_system, relation_named
from server.statements.ownership import require_privilege
from server.statements.routine_names import routine_named
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql.utility_functions import CreateTrigger

STATES: Final = {"origin": "O", "always": "A", "replica": "R", "disabled": "D"}
"""ENABLE and DISABLE, as pg_trigger.tgenabled has them."""

KIND_DETAILS: Final = {
    "m": "This operation is not supported for materialized views.",
    "c": "This operation is not supported for composite types.",
}


def create_trigger(context: StatementContext, statement: CreateTrigger) -> Run:
    """CREATE TRIGGER."""
    found = relation_named(context, statement.relation, statement.offset)
    table = _target(found, statement)
    refuse_system(table)
    yield from context.lock_relation(table.oid, "share row exclusive", table.name)
    _check_shape(statement)
    require_privilege(context, table, "t")
    transitions = _transition_names(table, statement)
    referenced = 0
    if statement.referenced:
        referenced = relation_named(context, statement.referenced).oid
    when = None
    if statement.when is not None:
        when = check_trigger_condition(
            context.environment(), table, statement.when.tree, context.statement.offset, statement
        )
    function = _function(context, statement)
    columns = _columns(table, statement)
    yield from claim_name(context, table.oid, statement.name)
    old = _existing(context, table, statement)
    trigger = Trigger(
        oid=context.new_oid() if old is None else old.oid,
        name=statement.name,
        owner=table.owner,
        table=table.oid,
        function=function,
        timing=statement.timing,
        events=statement.events,
        for_each_row=statement.for_each_row,
        columns=columns,
        when=when,
        path=context.search_path(),
        arguments=statement.arguments,
        referenced_table=referenced,
        deferrable=statement.deferrable,
        deferred=statement.initially_deferred,
        old_table=transitions[0],
        new_table=transitions[1],
    )
    if statement.constraint:
        trigger = replace(trigger, constraint=_constraint(context, table, trigger))
    context.ddl.put(trigger)
    if table.kind == "p" and trigger.for_each_row:
        for child in context.catalog.children_of(table.oid):
            yield from context.lock_relation(child.oid, "share row exclusive", child.name)
            spread_trigger(context, table, trigger, child, replaces=statement.replace)
    return "CREATE TRIGGER"


def _target(found: object, statement: CreateTrigger) -> Table:
    """The table or view, if it can have such a trigger."""
    name = getattr(found, "name", "")
    if not isinstance(found, Table) or found.kind not in "rpvf":
        raise WrongObjectType(
            f'relation "{name}" cannot have triggers',
            detail=KIND_DETAILS.get(
                getattr(found, "kind", ""), "This operation is not supported for indexes."
            ),
        )
    if found.kind == "f":
        _refuse_on_foreign(found, statement)
        return found
    if found.kind in "rp":
        if statement.timing == "instead":
            raise WrongObjectType(
                f'"{name}" is a table', detail="Tables cannot have INSTEAD OF triggers."
            )
        return found
    if statement.timing != "instead" and statement.for_each_row:
        raise WrongObjectType(
            f'"{name}" is a view', detail="Views cannot have row-level BEFORE or AFTER triggers."
        )
    if "truncate" in statement.events:
        raise WrongObjectType(f'"{name}" is a view', detail="Views cannot have TRUNCATE triggers.")
    return found


def _refuse_on_foreign(table: Table, statement: CreateTrigger) -> None:
    """What foreign tables have no triggers for."""
    wrong = {
        "INSTEAD OF triggers": statement.timing == "instead",
        "TRUNCATE triggers": "truncate" in statement.events,
        "constraint triggers": statement.constraint,
    }
    for word in (word for word, is_wrong in wrong.items() if is_wrong):
        raise WrongObjectType(
            f'"{table.name}" is a foreign table', detail=f"Foreign tables cannot have {word}."
        )


def _check_shape(statement: CreateTrigger) -> None:
    if "truncate" in statement.events and statement.for_each_row:
        raise FeatureNotSupported("TRUNCATE FOR EACH ROW triggers are not supported")
    if statement.timing != "instead":
        return
    if not statement.for_each_row:
        raise FeatureNotSupported("INSTEAD OF triggers must be FOR EACH ROW")
    if statement.when is not None:
        raise FeatureNotSupported("INSTEAD OF triggers cannot have WHEN conditions")
    if statement.columns:
        raise FeatureNotSupported("INSTEAD OF triggers cannot have column lists")


def _columns(table: Table, statement: CreateTrigger) -> tuple[int, ...]:
    numbers: list[int] = []
    for name in statement.columns:
        column = table.column_named(name)
        if column is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
        if column.number in numbers:
            raise DuplicateColumn(f'column "{name}" specified more than once')
        numbers.append(column.number)
    return tuple(numbers)


def _function(context: StatementContext, statement: CreateTrigger) -> int:
    """The OID of the trigger's function."""
    shown = ".".join(statement.function)
    try:
        found = routine_named(context, "function", ObjectName(statement.function, arguments=()))
    except SqlError as error:
        oid = _built_in(statement.function)
        if oid:
            return oid
        if isinstance(error, UndefinedFunction):
            raise UndefinedFunction(f"function {shown}() does not exist") from None
        raise
    if found.result != TRIGGER:
        raise InvalidObjectDefinition(f"function {shown} must return type trigger")
    require_privilege(context, found, "X")
    return found.oid


def _built_in(name: tuple[str, ...]) -> int:
    if len(name) > 1 and name[0] != "pg_catalog":
        return 0
    for row in named_facts("pg_proc"):
        if row["proname"] == name[-1] and row["prorettype"] == TRIGGER:
            return int(row["oid"])
    return 0


def _transition_names(table: Table, statement: CreateTrigger) -> tuple[str, str]:
    """The names of the old and the new transition table."""
    names = ["", ""]
    for name, is_new in statement.transitions:
        _check_transition(table, statement, is_new=is_new)
        word = "NEW" if is_new else "OLD"
        if names[is_new]:
            raise InvalidObjectDefinition(f"{word} TABLE cannot be specified multiple times")
        names[is_new] = name
    if names[0] and names[0] == names[1]:
        raise InvalidObjectDefinition("OLD TABLE name and NEW TABLE name cannot be the same")
    return names[0], names[1]


def _check_transition(table: Table, statement: CreateTrigger, *, is_new: bool) -> None:
    if statement.timing != "after":
        raise InvalidObjectDefinition(
            "transition table name can only be specified for an AFTER trigger"
        )
    if table.kind == "v":
        raise WrongObjectType(
            f'"{table.name}" is a view', detail="Triggers on views cannot have transition tables."
        )
    if table.kind == "p" and statement.for_each_row:
        raise WrongObjectType(
            f'"{table.name}" is a partitioned table',
            detail="ROW triggers with transition tables are not supported on partitioned tables.",
        )
    if table.is_partition and statement.for_each_row:
        raise FeatureNotSupported(
            "ROW triggers with transition tables are not supported on partitions"
        )
    if table.parents and statement.for_each_row:
        raise FeatureNotSupported(
            "ROW triggers with transition tables are not supported on inheritance children"
        )
    if "truncate" in statement.events:
        raise FeatureNotSupported("TRUNCATE triggers with transition tables are not supported")
    if len(statement.events) > 1:
        raise FeatureNotSupported(
            "transition tables cannot be specified for triggers with more than one event"
        )
    if statement.columns:
        raise FeatureNotSupported(
            "transition tables cannot be specified for triggers with column lists"
        )
    allowed = ("insert", "update") if is_new else ("delete", "update")
    if statement.events[0] not in allowed:
        word = "NEW TABLE" if is_new else "OLD TABLE"
        either = "an INSERT or UPDATE" if is_new else "a DELETE or UPDATE"
        raise InvalidObjectDefinition(f"{word} can only be specified for {either} trigger")


def _existing(context: StatementContext, table: Table, statement: CreateTrigger) -> Trigger | None:
    """The trigger that OR REPLACE replaces."""
    for trigger in context.catalog.triggers_of(table.oid):
        if trigger.name != statement.name:
            continue
        if not statement.replace:
            raise DuplicateObject(
                f'trigger "{statement.name}" for relation "{table.name}" already exists'
            )
        if trigger.parent:
            raise DuplicateObject(
                f'trigger "{statement.name}" for relation "{table.name}" is an internal or a child trigger'
            )
        if trigger.constraint or statement.constraint:
            raise DuplicateObject(
                f'trigger "{statement.name}" for relation "{table.name}" is a constraint trigger'
            )
        return trigger
    return None


def _constraint(context: StatementContext, table: Table, trigger: Trigger) -> int:
    """What pg_constraint has of a constraint trigger."""
    value = Constraint(
        oid=context.new_oid(),
        name=trigger.name,
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        kind="t",
        deferrable=trigger.deferrable,
        deferred=trigger.deferred,
    )
    context.ddl.put(value)
    return value.oid


# Partitions


def take_triggers(context: StatementContext, parent: Table, child: Table) -> None:
    """Give a partition the row triggers of its parent."""
    for trigger in context.catalog.triggers_of(parent.oid):
        if trigger.for_each_row:
            spread_trigger(context, parent, trigger, child)


def spread_trigger(
    context: StatementContext,
    parent: Table,
    trigger: Trigger,
    child: Table,
    *,
    replaces: bool = False,
) -> None:
    """Give a partition, and those below it, a trigger of its parent; it may replace what has its name."""
    oid = 0
    for own in context.catalog.triggers_of(child.oid):
        if own.name == trigger.name:
            oid = own.oid
            if not replaces and own.parent == trigger.oid:
                return
            if replaces and not own.constraint:
                continue
            raise DuplicateObject(
                f'trigger "{trigger.name}" for relation "{child.name}" already exists'
            )
    names = [parent.column(number).name for number in trigger.columns]
    numbers = [child.column_named(name) for name in names]
    made = replace(
        trigger,
        oid=oid or context.new_oid(),
        table=child.oid,
        columns=tuple(column.number for column in numbers if column is not None),
        parent=trigger.oid,
        comment=None,
    )
    if trigger.constraint:
        made = replace(made, constraint=_constraint(context, child, made))
    context.ddl.put(made)
    if child.kind == "p":
        for below in context.catalog.children_of(child.oid):
            spread_trigger(context, child, made, below, replaces=replaces)


def release_triggers(context: StatementContext, child: Table) -> None:
    """Take away the triggers that a partition has of its parent."""
    for trigger in context.catalog.triggers_of(child.oid):
        if trigger.parent:
            _remove(context, trigger)


def _remove(context: StatementContext, trigger: Trigger) -> None:
    """Remove a trigger, its constraint, and those of partitions that came with it."""
    context.ddl.remove(trigger.oid)
    if trigger.constraint:
        context.ddl.remove(trigger.constraint)
    for child in context.catalog.children_of(trigger.table):
        for below in context.catalog.triggers_of(child.oid):
            if below.parent == trigger.oid:
                _remove(context, below)


# Finding and switching


def trigger_of(context: StatementContext, table: Table, name: str) -> Trigger:
    """A trigger by name; raises UndefinedObject."""
    for trigger in context.catalog.triggers_of(table.oid):
        if trigger.name == name:
            return trigger
    raise UndefinedObject(f'trigger "{name}" for table "{table.name}" does not exist')


def trigger_named(context: StatementContext, kind: str, name: ObjectName) -> Trigger:
    """The trigger that DROP or COMMENT names: its table's name, then its own."""
    table = relation_named(context, name.parts[:-1])
    if not isinstance(table, Table):
        raise UndefinedObject(f'trigger "{name.parts[-1]}" for table "{table.name}" does not exist')
    return trigger_of(context, table, name.parts[-1])


def set_trigger(
    context: StatementContext, table: Table, command: alter_commands.SetTrigger
) -> Iterator[Wait]:
    """ENABLE and DISABLE TRIGGER."""
    yield from ()
    state = STATES[command.state]
    chosen = context.catalog.triggers_of(table.oid)
    if not command.group:
        chosen = (trigger_of(context, table, command.name),)
    if command.group and command.name == "all":
        _switch_keys(context, table, state)
    for trigger in chosen:
        _switch(context, trigger, state)


def _switch_keys(context: StatementContext, table: Table, state: str) -> None:
    """ALL means the triggers of foreign keys too: those that check new rows here, and those that see keys go."""
    view = context.catalog
    own = [item for item in view.constraints_of(table.oid) if item.kind == "f"]
    others = list(view.references_to(table.oid))
    if (own or others) and not is_superuser(view, context.user_oid):
        first = (own or others)[0]
        raise InsufficientPrivilege(
            f'permission denied: "RI_ConstraintTrigger_{"c" if own else "a"}_{first.oid}" '
            "is a system trigger"
        )
    for constraint in own:
        for item in _with_parts(context, constraint):
            context.ddl.put(replace(item, check_enabled=state))
    for constraint in others:
        for item in _with_parts(context, constraint):
            found = context.catalog.object(
                item.oid
            )  # of a table that refers to itself both have changed
            assert isinstance(found, Constraint)
            context.ddl.put(replace(found, action_enabled=state))


def _with_parts(context: StatementContext, constraint: Constraint) -> Iterator[Constraint]:
    """A foreign key with those that partitions have of it."""
    yield constraint
    for child in context.catalog.children_of(constraint.table):
        for below in context.catalog.constraints_of(child.oid):
            if below.parent == constraint.oid:
                yield from _with_parts(context, below)


def _switch(context: StatementContext, trigger: Trigger, state: str) -> None:
    context.ddl.put(replace(trigger, enabled=state))
    for child in context.catalog.children_of(trigger.table):
        for below in context.catalog.triggers_of(child.oid):
            if below.parent == trigger.oid:
                _switch(context, below, state)


def rename_trigger(context: StatementContext, table: Table, name: str, new_name: str) -> None:
    """ALTER TRIGGER ... RENAME TO."""
    trigger = trigger_of(context, table, name)
    if trigger.parent:
        raise FeatureNotSupported(
            f'cannot rename trigger "{name}" on table "{table.name}"',
            hint="Rename the trigger on the partitioned table instead.",
        )
    _rename(context, trigger, new_name)


def _rename(context: StatementContext, trigger: Trigger, new_name: str) -> None:
    table = context.catalog.object(trigger.table)
    if any(each.name == new_name for each in context.catalog.triggers_of(trigger.table)):
        name = "" if table is None else table.name
        raise DuplicateObject(f'trigger "{new_name}" for relation "{name}" already exists')
    context.ddl.put(replace(trigger, name=new_name))
    for child in context.catalog.children_of(trigger.table):
        for below in context.catalog.triggers_of(child.oid):
            if below.parent == trigger.oid:
                _rename(context, below, new_name)


UTILITIES = (Utility(node=utility_functions.CreateTrigger, run=create_trigger),)
