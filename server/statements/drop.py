"""DROP of relations, types, schemas and the like, and TRUNCATE."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from server.catalog.large_objects import LargeObject
from server.catalog.objects import CatalogObject, Column, Index, Sequence, Table, UserType
from server.catalog.oids import oids_of
from server.catalog.routine_objects import UserOperator
from server.catalog.trigger_objects import Trigger
from server.catalog.views.physical import named_facts
from server.catalog.visibility import schema_along
from server.errors import (
    DependentObjectsStillExist,
    FeatureNotSupported,
    InvalidSchemaName,
    SqlError,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from server.sql import utility_objects as tree
from server.statements.alter_locks import refuse_pending
from server.statements.collations import collation_object
from server.statements.conversions import conversion_object
from server.statements.dependencies import Part, collect
from server.statements.dependency_finders import refuse_members
from server.statements.described import TABLE_WORDS, word_for
from server.statements.drop_locks import STRONG, WEAK, lock_doomed, lock_target
from server.statements.event_triggers import event_trigger_named
from server.statements.extended_statistics import statistics_named
from server.statements.extensions import extension_named
from server.statements.foreign_options import server_named, wrapper_named
from server.statements.index_phases import drop_beside_writers
from server.statements.names import (
    find_relation,
    refuse_system,
    split_name,
)
from server.statements.operator_class_items import numbers_of
from server.statements.operator_classes import KINDS as OPERATOR_CLASS_KINDS
from server.statements.operator_classes import operator_class_named
from server.statements.operators import cast_named, operator_named
from server.statements.ownership import require_owner_to_drop
from server.statements.policies import policy_named
from server.statements.publications import publication_named
from server.statements.routine_names import routine_named
from server.statements.rules import rule_named
from server.statements.statement import Run, StatementContext, Utility
from server.statements.subscriptions import subscription_named
from server.statements.tablespaces import tablespace_named
from server.statements.text_search import KIND_WORDS, text_search_named
from server.statements.triggers import trigger_named
from server.types.storage import storage_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.executor.waits import Wait
    from server.sql.object_names import ObjectName

    Finder = Callable[[StatementContext, str, ObjectName], CatalogObject]

ARTICLES = {"table": "a table", "view": "a view", "materialized view": "a materialized view",
            "index": "an index", "sequence": "a sequence", "type": "a type",
            "foreign table": "a foreign table"}  # fmt: skip
OF_RELATIONS: Final = ("policy", "trigger")
ROUTINES: Final = ("function", "procedure", "routine", "aggregate")
RELATIONS = {
    "table": (Table, "rp"),
    "view": (Table, "v"),
    "materialized view": (Table, "m"),
    "index": (Index, ""),
    "sequence": (Sequence, ""),
    "foreign table": (Table, "f"),
}


def drop(context: StatementContext, statement: tree.Drop) -> Run:
    """DROP kind names."""
    finder = FINDERS.get(statement.kind)
    if finder is None:
        raise FeatureNotSupported(f"DROP {statement.kind.upper()} is not supported")
    if statement.concurrently:
        _check_concurrent(context, statement)
    targets = yield from _targets(context, statement, finder)
    if statement.concurrently and targets and isinstance(targets[0], Index):
        yield from _drop_concurrently(context, targets[0])
        return statement.tag
    for target in targets:
        if isinstance(target, Table):
            refuse_pending(context, (target,), statement.tag)
    yield from drop_objects(context, targets, cascade=statement.cascade)
    return statement.tag


def _targets(
    context: StatementContext, statement: tree.Drop, finder: Finder
) -> Generator[Wait, None, list[CatalogObject]]:
    """The objects that are named, with their locks; those that IF EXISTS allows to be missing are told of."""
    targets: list[CatalogObject] = []
    for name in statement.names:
        if statement.kind in OPERATOR_CLASS_KINDS:
            numbers_of(name.parts[0])  # IF EXISTS is not about the method
        try:
            find = partial(finder, context, statement.kind, name)
            if statement.kind in (*OF_RELATIONS, "rule"):
                yield from _look_at_relation_of(context, name)
            mode = WEAK if statement.concurrently else STRONG
            found = yield from _locked(context, find, name.parts, mode)
        except (UndefinedTable, UndefinedObject, InvalidSchemaName, UndefinedFunction) as error:
            if not statement.if_exists:
                raise
            context.notice("00000", f"{_missing(statement.kind, name, error)}, skipping")
            continue
        if found not in targets:
            targets.append(found)
    return targets


def _look_at_relation_of(context: StatementContext, name: ObjectName) -> Iterator[Wait]:
    """Wait for who has the relation to himself that a trigger, say, belongs to, before that is looked for in it."""
    found = find_relation(context, name.parts[:-1])
    if isinstance(found, Table):
        yield from context.look_at_relation(found.oid, found.name)


def _missing(kind: str, name: ObjectName, error: SqlError) -> str:
    """What IF EXISTS says of an object that is not there: to it every relation is one, to the error a table."""
    if kind in (*OF_RELATIONS, "rule") and isinstance(error, UndefinedObject):
        relation = ".".join(name.parts[:-1])
        return f'{kind} "{name.parts[-1]}" for relation "{relation}" does not exist'
    if kind in ROUTINES and isinstance(error, UndefinedFunction):
        types = ",".join(_as_read(each) for each in name.arguments or () if each is not None)
        return f"{kind} {'.'.join(name.parts)}({types}) does not exist"
    return error.message


def _as_read(written: exp.Expression) -> str:
    """A type as it was read, a name that the standard has by that of the catalog."""
    return ".".join(written.args["parts"]) + ("[]" if written.args.get("array_bounds") else "")


def _locked(
    context: StatementContext, find: Callable[[], CatalogObject], parts: tuple[str, ...], mode: str
) -> Generator[Wait, None, CatalogObject]:
    """The object that a name means when its locks are had."""
    while True:
        target = find()
        require_owner_to_drop(context, target, parts)
        yield from lock_target(context, target, mode)
        again = find()
        if again.oid == target.oid:
            return again


def _check_concurrent(context: StatementContext, statement: tree.Drop) -> None:
    """DROP INDEX CONCURRENTLY is about one index, and has its transactions to itself."""
    if len(statement.names) > 1:
        raise FeatureNotSupported(
            "DROP INDEX CONCURRENTLY does not support dropping multiple objects"
        )
    if statement.cascade:
        raise FeatureNotSupported("DROP INDEX CONCURRENTLY does not support CASCADE")
    context.session.transaction.refuse_in_block("DROP INDEX CONCURRENTLY")


def _drop_concurrently(context: StatementContext, index: Index) -> Iterator[Wait]:
    """DROP INDEX CONCURRENTLY of an index that nothing depends on."""
    table = context.catalog.object(index.table)
    assert isinstance(table, Table)
    if table.kind == "p":
        raise FeatureNotSupported(f'cannot drop partitioned index "{index.name}" concurrently')
    if table.persistence == "t":
        yield from drop_objects(context, [index], cascade=False)
        return
    _refuse_constraint_indexes(context, [index])
    refuse_members(context, [index])
    collect(context, [index], cascade=False)
    yield from drop_beside_writers(context, index)


def drop_objects(
    context: StatementContext,
    targets: list[CatalogObject],
    *,
    cascade: bool,
    part: Part | None = None,
) -> Iterator[Wait]:
    """Drop objects, and a part of one that the caller takes away, with what depends on them."""
    _refuse_constraint_indexes(context, targets)
    refuse_members(context, targets)
    doomed = collect(context, targets, cascade=cascade, part=part)
    yield from lock_doomed(context, doomed)
    gone = {oid for value in doomed.objects for oid in oids_of(value)}
    for table_oid, number in doomed.defaults:
        if table_oid not in gone:
            _drop_default(context, table_oid, number, gone)
    for value in doomed.objects:
        remove_object(context, value)


def _required_by(context: StatementContext, trigger: Trigger) -> DependentObjectsStillExist:
    """The error for a trigger that came with one of the partitioned table."""
    own, whole = context.catalog.object(trigger.table), context.catalog.object(trigger.parent)
    assert own is not None
    assert isinstance(whole, Trigger)
    above = context.catalog.object(whole.table)
    assert above is not None
    return DependentObjectsStillExist(
        f"cannot drop trigger {trigger.name} on table {own.name} because trigger {whole.name} "
        f"on table {above.name} requires it",
        hint=f"You can drop trigger {whole.name} on table {above.name} instead.",
    )


def _refuse_constraint_indexes(context: StatementContext, targets: list[CatalogObject]) -> None:
    for target in targets:
        if isinstance(target, Trigger) and target.parent:
            raise _required_by(context, target)
        if isinstance(target, Index) and target.parent:
            whole = context.catalog.object(target.parent)
            assert whole is not None
            raise DependentObjectsStillExist(
                f"cannot drop index {target.name} because index {whole.name} requires it",
                hint=f"You can drop index {whole.name} instead.",
            )
        if isinstance(target, Index) and target.constraint:
            constraint = context.catalog.object(target.constraint)
            table = context.catalog.object(target.table)
            assert constraint is not None
            assert table is not None
            raise DependentObjectsStillExist(
                f"cannot drop index {target.name} because constraint {constraint.name} "
                f"on table {table.name} requires it",
                hint=f"You can drop constraint {constraint.name} on table {table.name} instead.",
            )


STORAGE_TYPES: Final = {
    "BOOL": 16,
    "INT16": 21,
    "INT32": 23,
    "INT64": 20,
    "FLOAT32": 700,
    "FLOAT64": 701,
    "FIXED16": 2950,
    "BYTES": 17,
}
"""A built-in type for each way values are stored."""


def dropped_column(catalog: CatalogView, column: Column) -> Column:
    """What is left of a column that is dropped.

    Its type may be dropped as well, its values stay: so it gets a built-in type that is stored alike.
    """
    kind = storage_kind(catalog.type(column.type), column.modifier)
    return replace(
        column, type=STORAGE_TYPES[kind], modifier=-1, dropped=True, not_null=False, default=None,
        identity="", generated="", collation=0,
    )  # fmt: skip


def _drop_default(context: StatementContext, table_oid: int, number: int, gone: set[int]) -> None:
    """A default (or a column whose type goes) of a table that stays."""
    table = context.catalog.object(table_oid)
    assert isinstance(table, Table)
    column = table.column(number)
    is_typed = bool(column.generated) or bool({column.type, column.collation} & gone)
    changed = dropped_column(context.catalog, column) if is_typed else replace(column, default=None)
    columns = tuple(changed if item.number == number else item for item in table.columns)
    context.ddl.put(replace(table, columns=columns))


def remove_object(context: StatementContext, value: CatalogObject) -> None:
    """Take an object out of the catalog and its storage away at commit."""
    if context.catalog.object(value.oid) is None:
        return
    storage_id = getattr(value, "storage_id", 0)
    if storage_id:
        context.transaction.drop_relation(storage_id)
    if isinstance(value, UserOperator):
        _forget_operator(context, value)
    context.ddl.remove(value.oid)


def _forget_operator(context: StatementContext, gone: UserOperator) -> None:
    """Commutator and negator of an operator that goes have none any more."""
    for oid in {gone.commutator, gone.negator} - {gone.oid}:
        partner = context.catalog.object(oid)
        if isinstance(partner, UserOperator):
            commutator = 0 if partner.commutator == gone.oid else partner.commutator
            negator = 0 if partner.negator == gone.oid else partner.negator
            context.ddl.put(replace(partner, commutator=commutator, negator=negator))


def _relation(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    found = find_relation(context, name.parts)
    if found is None:
        schema, _ = split_name(context, name.parts)
        if schema and schema_along(context.catalog, context.search_path(), schema) is None:
            raise InvalidSchemaName(f'schema "{schema}" does not exist')
        missing = UndefinedObject if kind == "index" else UndefinedTable
        raise missing(f'{kind} "{".".join(name.parts)}" does not exist')
    wanted, letter = RELATIONS[kind]
    if not isinstance(found, wanted) or (isinstance(found, Table) and found.kind not in letter):
        word = TABLE_WORDS[found.kind] if isinstance(found, Table) else word_for(found)
        raise WrongObjectType(
            f'"{found.name}" is not {ARTICLES[kind]}',
            hint=""
            if word not in ARTICLES
            else f"Use DROP {word.upper()} to remove {ARTICLES[word]}.",
        )
    refuse_system(found)
    return found


def _schema(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    found = context.catalog.schema_named(name.parts[-1])
    if found is None:
        raise InvalidSchemaName(f'schema "{name.parts[-1]}" does not exist')
    if found.oid < 1000:
        raise DependentObjectsStillExist(
            f"cannot drop schema {found.name} because it is required by the database system"
        )
    return found


def _type(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    schema, simple = split_name(context, name.parts)
    homes = [schema_along(context.catalog, context.search_path(), schema)] if schema else []
    oids = [home.oid for home in homes if home] if schema else list(context.search_path())
    for oid in oids:
        found = context.catalog.type_named(oid, simple)
        value = context.catalog.object(found.oid) if found is not None else None
        if isinstance(value, UserType):
            return value
    raise UndefinedObject(f'type "{".".join(name.parts)}" does not exist')


def large_object_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """A large object by its number."""
    del kind
    found = context.catalog.object_named(LargeObject, name.parts[-1])
    if found is None:
        raise UndefinedObject(f"large object {name.parts[-1]} does not exist")
    return found


def _fact(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """A language or an access method: there are those of PostgreSQL, which stay."""
    relation, column = FACTS[kind]
    shown = name.parts[-1]
    if shown == "plpgsql":
        raise DependentObjectsStillExist(
            "cannot drop language plpgsql because extension plpgsql requires it",
            hint="You can drop extension plpgsql instead.",
        )
    if any(row[column] == shown for row in named_facts(relation)):
        raise DependentObjectsStillExist(
            f"cannot drop {kind} {shown} because it is required by the database system"
        )
    raise UndefinedObject(f'{kind} "{shown}" does not exist')


FACTS: Final = {"language": ("pg_language", "lanname"), "access method": ("pg_am", "amname")}
FINDERS: dict[str, Finder] = {
    **dict.fromkeys(RELATIONS, _relation),
    "schema": _schema,
    "policy": policy_named,
    "publication": publication_named,
    "subscription": subscription_named,
    "rule": rule_named,
    "statistics": statistics_named,
    "trigger": trigger_named,
    "type": _type,
    "domain": _type,
    **dict.fromkeys(("function", "procedure", "routine", "aggregate"), routine_named),
    "operator": operator_named,
    "cast": cast_named,
    "operator class": operator_class_named,
    "operator family": operator_class_named,
    "extension": extension_named,
    "collation": collation_object,
    "conversion": conversion_object,
    "large object": large_object_named,
    "foreign data wrapper": wrapper_named,
    "server": server_named,
    "event trigger": event_trigger_named,
    "tablespace": tablespace_named,
    **dict.fromkeys(KIND_WORDS, text_search_named),
    **dict.fromkeys(FACTS, _fact),
}


UTILITIES = (Utility(node=tree.Drop, run=drop),)
