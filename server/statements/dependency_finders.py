"""What depends directly on an object: a table from its kind to who reads, names or owns it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import event_triggers
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.names import TEXT_SEARCH_KINDS
from server.catalog.objects import (
    CatalogObject,
    Column,
    Constraint,
    DefaultPrivileges,
    ExtensionObject,
    Index,
    Policy,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import (
    OperatorClass,
    OperatorFamily,
)
from server.catalog.partition_bounds import ancestors_of
from server.catalog.publication_objects import Publication, PublishedSchema, PublishedTable
from server.catalog.routine_objects import AggregateParts, UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.text_search_objects import (
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.trigger_objects import Rule, Trigger
from server.errors import DependentObjectsStillExist
from server.identifiers import operator_oids, routine_oids, type_by_oid
from server.statements.body_texts import bodies_reading
from server.statements.collations import of_collation
from server.statements.dependents import (
    Dependent,
    of_dictionary,
    of_extension,
    of_operator_class,
    of_operator_family,
    of_parser,
    of_publication,
    of_template,
)
from server.statements.described import describe
from server.statements.routine_names import shown_type
from server.statements.table_texts import columns_read, policies_reading, triggers_reading
from server.statements.view_texts import readers_of_column, rules_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.statements.statement import StatementContext


def dependents(context: StatementContext, value: CatalogObject) -> Iterator[Dependent]:
    """What depends directly on an object."""
    finder = _FINDERS.get(type(value))
    if finder is not None:
        yield from finder(context, value)


def _of_table(context: StatementContext, table: Table) -> Iterator[Dependent]:
    catalog = context.catalog
    for child in catalog.all_children_of(table.oid):
        yield Dependent(child, automatic=child.is_partition)
    yield from _references(context, table)
    for index in catalog.indexes_of(table.oid):
        yield Dependent(index, automatic=True)
    for constraint in catalog.constraints_of(table.oid):
        yield Dependent(constraint, automatic=True)
    for sequence in catalog.sequences_of(table.oid):
        yield Dependent(sequence, automatic=True)
    statistics = catalog.statistics_of(table.oid)
    if statistics is not None:
        yield Dependent(statistics, automatic=True)
    for owned in (*catalog.policies_of(table.oid), *catalog.listed(table.oid, ExtendedStatistics)):
        yield Dependent(owned, automatic=True)
    for owned in (*catalog.triggers_of(table.oid), *catalog.rules_of(table.oid)):
        yield Dependent(owned, automatic=True)
    for member in catalog.listed(table.oid, PublishedTable):
        yield Dependent(member, automatic=True)
    yield from _readers(context, table.oid)
    yield from _of_type(context, table.row_type)


def _references(context: StatementContext, table: Table) -> Iterator[Dependent]:
    """Foreign keys of others to a table, or to one that it is a partition of."""
    for target in (table, *ancestors_of(context.catalog, table)):
        for constraint in context.catalog.references_to(target.oid):
            if constraint.table != table.oid:
                yield Dependent(constraint, automatic=False)


def _readers(context: StatementContext, oid: int) -> Iterator[Dependent]:
    """Views whose query reads an object."""
    for view in context.catalog.objects(Table):
        if oid in view.depends_on:
            yield Dependent(view, automatic=False)
    for function in context.catalog.objects(UserFunction):
        if oid in function.depends_on:
            yield Dependent(function, automatic=False)
    for policy in context.catalog.objects(Policy):
        if oid in policy.depends_on and policy.table != oid:
            yield Dependent(policy, automatic=False)
    for rule in context.catalog.objects(Rule):
        if oid in rule.depends_on:
            yield Dependent(rule, automatic=False)


def _of_index(context: StatementContext, index: Index) -> Iterator[Dependent]:
    for child in context.catalog.child_indexes_of(index.oid):
        yield Dependent(child, automatic=True)
        constraint = context.catalog.object(child.constraint) if child.constraint else None
        if constraint is not None:
            yield Dependent(constraint, automatic=True)
    for constraint in context.catalog.references_to(index.table):
        if constraint.index == index.oid:
            yield Dependent(constraint, automatic=False)


def _of_constraint(context: StatementContext, constraint: Constraint) -> Iterator[Dependent]:
    if constraint.kind == "f":
        for child in context.catalog.children_of(constraint.table):
            for other in context.catalog.constraints_of(child.oid):
                if other.parent == constraint.oid:
                    yield Dependent(other, automatic=True)
    if constraint.kind == "p":  # queries that group by it know the other columns
        yield from _readers(context, constraint.oid)
    if constraint.kind not in ("p", "u", "x"):
        return
    index = context.catalog.object(constraint.index)
    if isinstance(index, Index):
        yield Dependent(index, automatic=True)


def _of_sequence(context: StatementContext, sequence: Sequence) -> Iterator[Dependent]:
    for table in context.catalog.objects(Table):
        for column in table.live_columns:
            if column.default is not None and _names_sequence(context, column.default, sequence):
                yield of_default(context, table, column)
    yield from _readers(context, sequence.oid)


def of_default(context: StatementContext, table: Table, column: Column) -> Dependent:
    """A default that depends on something; a generated column is nothing without it."""
    text = f"column {column.name} of {describe(context, table)}"
    if not column.generated:
        text = f"default value for {text}"
    return Dependent(None, False, text, (table.oid, column.number))


def _names_sequence(context: StatementContext, default: str, sequence: Sequence) -> bool:
    return f"'{sequence.oid}'::regclass" in default


def _of_type(context: StatementContext, oid: int) -> Iterator[Dependent]:
    arrays = {oid}
    value = context.catalog.object(oid) or context.catalog.table_of_row_type(oid)
    if isinstance(value, UserType):
        arrays.add(value.array_oid or oid)  # a shell has none
    elif isinstance(value, Table) and value.array_type:
        arrays.add(value.array_type)
    if not oid:
        return
    for table in context.catalog.objects(Table):
        if table.of_type == oid:
            yield Dependent(table, automatic=False, on=f"type {shown_type(context, oid)}")
        yield from _columns_of_type(context, table, arrays)
    for other in context.catalog.objects(UserType):
        if other.base_type in arrays:
            yield Dependent(other, automatic=other.kind == "m")
    yield from _with_arguments(context, arrays, oid)
    yield from _naming_type(context, oid)


def _naming_type(context: StatementContext, oid: int) -> Iterator[Dependent]:
    """What says a type, as of a constant."""
    name = type_by_oid(oid)
    on = f"type {shown_type(context, oid)}"
    for dependent in _saying(context, lambda text: name in text):
        yield replace(dependent, on=on)
    for view in context.catalog.objects(Table):
        if view.view_query is not None and name in view.view_query:
            yield Dependent(view, automatic=False, on=on)
    for rule in context.catalog.objects(Rule):
        if any(name in text for text in (rule.condition or "", *rule.actions)):
            yield Dependent(rule, automatic=False, on=on)


def _columns_of_type(
    context: StatementContext, table: Table, types: set[int]
) -> Iterator[Dependent]:
    """The columns of some types; a partition key takes its table along."""
    if table.kind not in "rpmcf":
        return
    for column in table.live_columns:
        if column.type not in types:
            continue
        on = f"type {shown_type(context, column.type)}"
        if table.kind == "p" and _is_key(table, column):
            yield Dependent(table, automatic=False, on=on)
            continue
        text = f"column {column.name} of {describe(context, table)}"
        yield Dependent(None, False, text, (table.oid, column.number), on)
        for over in _over(context, table, column):
            yield Dependent(over, automatic=True)
        for reader in readers_of_part(context, table, column):
            yield Dependent(reader, automatic=False, on=text)


def _over(context: StatementContext, table: Table, column: Column) -> Iterator[CatalogObject]:
    """The constraints over a column, and the indexes that it is a key of or is looked at for."""
    for constraint in context.catalog.constraints_of(table.oid):
        if column.number in constraint.columns:
            yield constraint
    for index in context.catalog.indexes_of(table.oid):
        numbers = {*(key.number for key in index.keys), *index.included}
        texts = (index.predicate, *(key.expression for key in index.keys))
        if column.number in numbers.union(*(columns_read(context, table, each) for each in texts)):
            yield index


def readers_of_part(
    context: StatementContext, table: Table, column: Column
) -> Iterator[CatalogObject]:
    """The views, rules, policies, triggers and bodies that read a column."""
    for reading in _COLUMN_READERS:
        yield from reading(context, table, column)


def _with_arguments(context: StatementContext, types: set[int], oid: int) -> Iterator[Dependent]:
    """Functions, operators and casts of a type and its arrays."""
    on = f"type {shown_type(context, oid)}"
    for function in context.catalog.objects(UserFunction):
        parts = function.aggregate
        state = () if parts is None else (parts.transition_type,)
        if types.intersection((function.result, *function.arguments, *state)):
            yield Dependent(function, automatic=False, on=on)
    for operator in context.catalog.objects(UserOperator):
        if types.intersection((operator.left, operator.right, operator.result)):
            yield Dependent(operator, automatic=False, on=on)
    for cast in context.catalog.objects(UserCast):
        if types.intersection((cast.source, cast.target)):
            yield Dependent(cast, automatic=False, on=on)


def _of_trigger(context: StatementContext, trigger: Trigger) -> Iterator[Dependent]:
    """Its constraint, and the triggers of partitions that came with it."""
    constraint = context.catalog.object(trigger.constraint) if trigger.constraint else None
    if constraint is not None:
        yield Dependent(constraint, automatic=True)
    for child in context.catalog.children_of(trigger.table):
        for below in context.catalog.triggers_of(child.oid):
            if below.parent == trigger.oid:
                yield Dependent(below, automatic=True)


def _types_through(context: StatementContext, oid: int) -> Iterator[Dependent]:
    """The base types that a function reads, writes or serves in another way."""
    for kind in context.catalog.objects(UserType):
        base = kind.base
        if base is not None and oid in (
            base.input, base.output, base.receive, base.send, base.modifier_in, base.modifier_out
        ):  # fmt: skip
            yield Dependent(kind, automatic=False)


def _triggers_through(context: StatementContext, oid: int) -> Iterator[Dependent]:
    for trigger in context.catalog.objects(Trigger):
        if trigger.function == oid and not trigger.parent:
            yield Dependent(trigger, automatic=False)
    for event_trigger in event_triggers(context.catalog):
        if event_trigger.function == oid:
            yield Dependent(event_trigger, automatic=False)


def _of_function(context: StatementContext, function: UserFunction) -> Iterator[Dependent]:
    """What calls a function, as far as it is known: bodies given as strings say nothing."""
    oid, catalog = function.oid, context.catalog
    yield from _types_through(context, oid)
    for operator in catalog.objects(UserOperator):
        if operator.function == oid:
            yield Dependent(operator, automatic=False)
    for cast in catalog.objects(UserCast):
        if cast.function == oid:
            yield Dependent(cast, automatic=False)
    yield from _triggers_through(context, oid)
    for other in catalog.objects(UserFunction):
        parts = other.aggregate
        if parts is not None and oid in _functions_of(parts):
            yield Dependent(other, automatic=False)
    yield from _readers(context, oid)
    yield from _saying(context, lambda text: oid in routine_oids(text))


def _functions_of(parts: AggregateParts) -> tuple[int, ...]:
    return (
        parts.transition,
        parts.final,
        parts.combine,
        parts.moving_transition,
        parts.moving_inverse,
        parts.moving_final,
    )


def _saying(context: StatementContext, says: Callable[[str], bool]) -> Iterator[Dependent]:
    """Defaults, checks, indexes, policies and triggers whose text says something."""
    catalog = context.catalog

    def do_say(*texts: str | None) -> bool:
        return any(text is not None and says(text) for text in texts)

    for table in catalog.objects(Table):
        for column in table.live_columns:
            if do_say(column.default):
                yield of_default(context, table, column)
        key = table.partition_key
        if key is not None and do_say(*(part.expression for part in key.parts)):
            yield Dependent(table, automatic=False)
    for kind, texts in _TEXTS.items():
        for value in catalog.objects(kind):
            if do_say(*texts(value)):
                yield Dependent(value, automatic=False)


_COLUMN_READERS = (
    readers_of_column,
    rules_reading,
    policies_reading,
    triggers_reading,
    bodies_reading,
)

_TEXTS: dict[type[Any], Callable[[Any], tuple[str | None, ...]]] = {
    Constraint: lambda value: (value.expression,),
    Index: lambda value: (value.predicate, *(key.expression for key in value.keys)),
    Policy: lambda value: (value.using, value.with_check),
    Trigger: lambda value: (value.when,),
    UserFunction: lambda value: value.defaults,
}
"""The expressions of objects, which may call functions and name types."""


def _of_operator(context: StatementContext, operator: UserOperator) -> Iterator[Dependent]:
    yield from _readers(context, operator.oid)
    yield from _saying(context, lambda text: operator.oid in operator_oids(text))


def _is_key(table: Table, column: Column) -> bool:
    """Whether a column is in the partition key of its table, which cannot be without it."""
    key = table.partition_key
    return key is not None and any(
        part.number == column.number or (not part.number and column.name in (part.expression or ""))
        for part in key.parts
    )


def _of_user_type(context: StatementContext, value: UserType) -> Iterator[Dependent]:
    relation = context.catalog.object(value.relation) if value.relation else None
    if relation is not None:
        yield Dependent(relation, automatic=True)
    for constraint in context.catalog.constraints_of(value.oid):
        yield Dependent(constraint, automatic=True)
    yield from _of_type(context, value.oid)


def _of_schema(context: StatementContext, schema: Schema) -> Iterator[Dependent]:
    for member in context.catalog.objects(PublishedSchema):
        if member.namespace == schema.oid:
            yield Dependent(member, automatic=True)
    for defaults in context.catalog.objects(DefaultPrivileges):
        if defaults.schema == schema.oid:
            yield Dependent(defaults, automatic=True)
    kinds: tuple[type[Any], ...] = (
        Table,
        Sequence,
        UserType,
        UserFunction,
        UserOperator,
        ExtensionObject,
        ExtendedStatistics,
        OperatorClass,
        OperatorFamily,
        Collation,
        Conversion,
        *TEXT_SEARCH_KINDS.values(),
    )
    for kind in kinds:
        for value in context.catalog.objects(kind):
            is_owned = isinstance(value, Sequence) and value.owned_by is not None
            if value.schema == schema.oid and not is_owned:
                yield Dependent(value, automatic=False)


def refuse_members(context: StatementContext, targets: list[CatalogObject]) -> None:
    """What came with an extension goes with it."""
    oids = {target.oid for target in targets}
    for extension in context.catalog.objects(ExtensionObject):
        held = [target for target in targets if target.oid in extension.members]
        if held and extension.oid not in oids:
            raise DependentObjectsStillExist(
                f"cannot drop {describe(context, held[0])} because extension {extension.name} "
                "requires it",
                hint=f"You can drop extension {extension.name} instead.",
            )


def _of_wrapper(context: StatementContext, wrapper: ForeignDataWrapper) -> Iterator[Dependent]:
    for server in context.catalog.objects(ForeignServer):
        if server.wrapper == wrapper.oid:
            yield Dependent(server, automatic=False)


def _of_server(context: StatementContext, server: ForeignServer) -> Iterator[Dependent]:
    for mapping in context.catalog.objects(UserMapping):
        if mapping.server == server.oid:
            yield Dependent(mapping, automatic=False)
    for table in context.catalog.objects(Table):
        if table.server == server.oid:
            yield Dependent(table, automatic=False)


_FINDERS: dict[type[Any], Callable[[StatementContext, Any], Iterator[Dependent]]] = {
    Table: _of_table,
    Index: _of_index,
    Constraint: _of_constraint,
    Sequence: _of_sequence,
    UserType: _of_user_type,
    UserFunction: _of_function,
    Trigger: _of_trigger,
    UserOperator: _of_operator,
    Publication: of_publication,
    Schema: _of_schema,
    ForeignDataWrapper: _of_wrapper,
    ForeignServer: _of_server,
    ExtensionObject: of_extension,
    TextSearchParser: of_parser,
    TextSearchTemplate: of_template,
    TextSearchDictionary: of_dictionary,
    OperatorFamily: of_operator_family,
    OperatorClass: of_operator_class,
    Collation: of_collation,
}
