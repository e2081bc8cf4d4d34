"""CREATE TYPE (enums and composite types), CREATE DOMAIN, and their ALTERs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from server.catalog.names import CatalogNames
from server.catalog.objects import Column, Constraint, Table, UserType
from server.errors import (
    DatatypeMismatch,
    DuplicateColumn,
    DuplicateObject,
    FeatureNotSupported,
    InvalidName,
    InvalidParameterValue,
    UndefinedObject,
    WrongObjectType,
)
from server.identifiers import IDENTIFIER_BYTES_MAX, generated_name
from server.planner.standalone import bind_type_name
from server.planner.stored_text import stored_check, stored_default
from server.sql import constraints as written
from server.sql import utility_types as tree
from server.sql.printed import printed
from server.statements.collations import collation_for
from server.statements.column_types import refuse_pseudo_type
from server.statements.domain_values import refuse_null_values, refuse_violating_values
from server.statements.enum_texts import rename_in_texts
from server.statements.names import claim_name, split_name, target_schema, usable_schema
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait
    from server.sql.utility_statement import Name, SourceExpression

    Steps = Iterator[Wait]


def new_type(context: StatementContext, parts: Name) -> Generator[Wait, None, tuple[int, str]]:
    """Claim the name of a new type; gives schema and name."""
    schema, name = target_schema(context, parts)
    yield from claim_name(context, schema, name)
    if context.catalog.is_type_name(schema, name):  # of arrays the name is free to be taken
        raise DuplicateObject(f'type "{name}" already exists')
    return schema, name


def type_named(context: StatementContext, parts: Name) -> UserType:
    """A type of a user by name; raises UndefinedObject."""
    schema, name = split_name(context, parts)
    if schema:
        home = usable_schema(context, schema)
        homes = [] if home is None else [home.oid]
    else:
        homes = list(context.search_path())
    for oid in homes:
        found = context.catalog.type_named(oid, name)
        if found is not None:
            value = context.catalog.object(found.oid)
            if isinstance(value, UserType):
                return value
            break
    raise UndefinedObject(f'type "{".".join(parts)}" does not exist')


# Enums


def create_enum(context: StatementContext, statement: tree.CreateEnum) -> Run:
    """CREATE TYPE AS ENUM."""
    schema, name = yield from new_type(context, statement.name)
    oid, array_oid = context.new_oid(), context.new_oid()
    labels: list[tuple[int, float, str]] = []
    for position, label in enumerate(statement.labels, 1):
        _check_label(label)
        if any(known == label for _, _, known in labels):
            raise DuplicateObject(f'enum label "{label}" used more than once')
        labels.append((context.new_oid(), float(position), label))
    context.ddl.put(
        UserType(
            oid=oid,
            name=name,
            owner=context.user_oid,
            schema=schema,
            kind="e",
            array_oid=array_oid,
            labels=tuple(labels),
        )
    )
    return statement.tag


def _check_label(label: str) -> None:
    if len(label.encode()) > IDENTIFIER_BYTES_MAX:
        raise InvalidName(
            f'invalid enum label "{label}"',
            detail=f"Labels must be {IDENTIFIER_BYTES_MAX} bytes or less.",
        )


def alter_enum(context: StatementContext, statement: tree.AlterEnum) -> Run:
    """ALTER TYPE ADD VALUE, RENAME VALUE."""
    value = type_named(context, statement.name)
    if value.kind != "e":
        raise WrongObjectType(f"{value.name} is not an enum")
    require_owner(context, value)
    yield from context.lock_relation(value.oid, "access exclusive", value.name)
    if statement.old_label:
        labels = _renamed(value, statement)
        rename_in_texts(context, value, statement.old_label, statement.new_label)
    else:
        _check_label(statement.new_label)
        if any(label == statement.new_label for _, _, label in value.labels):
            if not statement.if_not_exists:
                raise DuplicateObject(f'enum label "{statement.new_label}" already exists')
            context.notice("42710", f'enum label "{statement.new_label}" already exists, skipping')
            return statement.tag
        labels = _with_label(context, value, statement)
    context.ddl.put(replace(value, labels=tuple(labels)))
    return statement.tag


def _renamed(value: UserType, statement: tree.AlterEnum) -> list[tuple[int, float, str]]:
    known = [label for _, _, label in value.labels]
    if statement.old_label not in known:
        raise InvalidParameterValue(f'"{statement.old_label}" is not an existing enum label')
    if statement.new_label in known:
        raise DuplicateObject(f'enum label "{statement.new_label}" already exists')
    return [
        (oid, position, statement.new_label if label == statement.old_label else label)
        for oid, position, label in value.labels
    ]


def _with_label(
    context: StatementContext, value: UserType, statement: tree.AlterEnum
) -> list[tuple[int, float, str]]:
    """The labels with a new one: at the end, or between a label and its neighbour.

    Positions are of type real: where there is none left between two, all are numbered anew.
    """
    labels = sorted(value.labels, key=lambda item: item[1])
    made = context.new_oid()
    if not statement.neighbour:
        return [*labels, (made, (labels[-1][1] if labels else 0.0) + 1.0, statement.new_label)]
    known = [label for _, _, label in labels]
    if statement.neighbour not in known:
        raise InvalidParameterValue(f'"{statement.neighbour}" is not an existing enum label')
    index = known.index(statement.neighbour) + statement.after
    before = labels[index - 1][1] if index else None
    behind = labels[index][1] if index < len(labels) else None
    if before is None or behind is None:
        position = (behind or 0.0) - 1.0 if before is None else before + 1.0
    else:
        position = float(np.float32((before + behind) / 2))
    changed = [*labels[:index], (made, position, statement.new_label), *labels[index:]]
    if position in (before, behind):
        return [(oid, float(number), label) for number, (oid, _, label) in enumerate(changed, 1)]
    return changed


# Composite types


def create_composite(context: StatementContext, statement: tree.CreateComposite) -> Run:
    """CREATE TYPE AS (...)."""
    schema, name = yield from new_type(context, statement.name)
    if context.catalog.relation_named(schema, name) is not None:
        raise DuplicateObject(f'relation "{name}" already exists')
    oid, array_oid, relation = context.new_oid(), context.new_oid(), context.new_oid()
    columns: list[Column] = []
    for number, item in enumerate(statement.columns, 1):
        if any(column.name == item.name for column in columns):
            raise DuplicateColumn(f'column "{item.name}" specified more than once')
        assert item.type is not None
        reference = bind_type_name(context.environment(), item.type)
        refuse_pseudo_type(item.name, reference.type)
        columns.append(
            Column(
                number=number,
                name=item.name,
                type=reference.oid,
                modifier=reference.modifier,
                collation=collation_for(context, item.collation, reference.oid)
                or reference.type.collation,
            )
        )
    fields: dict[str, Any] = {"name": name, "owner": context.user_oid, "schema": schema}
    context.ddl.put(UserType(oid=oid, kind="c", array_oid=array_oid, relation=relation, **fields))
    context.ddl.put(Table(oid=relation, kind="c", columns=tuple(columns), row_type=oid, **fields))
    return statement.tag


# Domains


def create_domain(context: StatementContext, statement: tree.CreateDomain) -> Run:
    """CREATE DOMAIN."""
    schema, name = yield from new_type(context, statement.name)
    base = bind_type_name(context.environment(), statement.type)
    if base.type.kind == "p":
        raise DatatypeMismatch(f'"{base.type.name}" is not a valid base type for a domain')
    domain = UserType(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        kind="d",
        array_oid=context.new_oid(),
        base_type=base.oid,
        base_modifier=base.modifier,
        collation=collation_for(context, statement.collation, base.oid),
    )
    context.ddl.put(_with_constraints(context, domain, statement.constraints))
    for constraint in statement.constraints:
        if isinstance(constraint, written.Check):
            add_domain_check(context, domain, constraint)
    return statement.tag


def _with_constraints(
    context: StatementContext, domain: UserType, constraints: tuple[written.Constraint, ...]
) -> UserType:
    changes: dict[str, Any] = {}
    for constraint in constraints:
        if isinstance(constraint, written.DefaultValue):
            changes |= _default_said(context, domain, constraint.expression)
        elif isinstance(constraint, written.NotNull):
            changes["not_null"] = True
        elif not isinstance(constraint, written.Check | written.Nullable):
            raise FeatureNotSupported("this kind of constraint is not possible for domains")
    return replace(domain, **changes)


def _default_said(
    context: StatementContext, domain: UserType, default: SourceExpression | None
) -> dict[str, Any]:
    """The default of a domain as the catalog keeps it and as it is shown; NULL is none."""
    if default is None or isinstance(default.tree, exp.Null):
        return {"default": None, "default_shown": None}
    value = Column(number=1, name=domain.name, type=domain.base_type, modifier=domain.base_modifier)
    text = stored_default(context.environment(), default.tree, value)
    names = CatalogNames(context.catalog, context.search_path())
    return {"default": text, "default_shown": printed(text, False, names)}


def add_domain_check(
    context: StatementContext, domain: UserType, constraint: written.Check
) -> Constraint:
    """CHECK of a domain, over VALUE."""
    taken = {item.name for item in context.catalog.constraints_of(domain.oid)}
    name, number = constraint.name, 0
    if name in taken:
        raise DuplicateObject(f'constraint "{name}" for domain "{domain.name}" already exists')
    while not name or name in taken:
        name = generated_name(domain.name, "", f"check{number or ''}")
        number += 1
    base = TypeReference(context.catalog.type(domain.base_type), domain.base_modifier)
    made = Constraint(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=domain.schema,
        table=domain.oid,
        kind="c",
        expression=stored_check(context.environment(), constraint.expression.tree, base),
    )
    context.ddl.put(made)
    return made


def alter_domain(context: StatementContext, statement: tree.AlterDomain) -> Run:
    """ALTER DOMAIN."""
    domain = type_named(context, statement.name)
    if domain.kind != "d":
        raise WrongObjectType(f'"{domain.name}" is not a domain')
    require_owner(context, domain)
    yield from context.lock_relation(domain.oid, "access exclusive", domain.name)
    yield from DOMAIN_ACTIONS[statement.action](context, domain, statement)
    return statement.tag


def _default(context: StatementContext, domain: UserType, statement: tree.AlterDomain) -> Steps:
    yield from ()
    context.ddl.put(replace(domain, **_default_said(context, domain, statement.default)))


def _drop_not_null(
    context: StatementContext, domain: UserType, statement: tree.AlterDomain
) -> Steps:
    yield from ()
    context.ddl.put(replace(domain, not_null=False))


def _set_not_null(
    context: StatementContext, domain: UserType, statement: tree.AlterDomain
) -> Steps:
    yield from refuse_null_values(context, domain)
    context.ddl.put(replace(domain, not_null=True))


def _add_constraint(
    context: StatementContext, domain: UserType, statement: tree.AlterDomain
) -> Steps:
    constraint = statement.constraint
    if isinstance(constraint, written.NotNull):
        yield from _set_not_null(context, domain, statement)
        return
    if not isinstance(constraint, written.Check):
        raise FeatureNotSupported("this kind of constraint is not possible for domains")
    made = replace(add_domain_check(context, domain, constraint), validated=constraint.validated)
    context.ddl.put(made)
    if constraint.validated:
        yield from refuse_violating_values(context, domain, made)


def _drop_constraint(
    context: StatementContext, domain: UserType, statement: tree.AlterDomain
) -> Steps:
    yield from ()
    name = statement.constraint_name
    for constraint in context.catalog.constraints_of(domain.oid):
        if constraint.name == name:
            context.ddl.remove(constraint.oid)
            return
    message = f'constraint "{name}" of domain "{domain.name}" does not exist'
    if not statement.if_exists:
        raise UndefinedObject(message)
    context.notice("00000", f"{message}, skipping")


def _validate(context: StatementContext, domain: UserType, statement: tree.AlterDomain) -> Steps:
    for constraint in context.catalog.constraints_of(domain.oid):
        if constraint.name == statement.constraint_name:
            yield from refuse_violating_values(context, domain, constraint)
            context.ddl.put(replace(constraint, validated=True))
            return
    raise UndefinedObject(
        f'constraint "{statement.constraint_name}" of domain "{domain.name}" does not exist'
    )


DOMAIN_ACTIONS = {
    "default": _default,
    "drop_not_null": _drop_not_null,
    "set_not_null": _set_not_null,
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "validate_constraint": _validate,
}

UTILITIES = (
    Utility(node=tree.CreateEnum, run=create_enum),
    Utility(node=tree.AlterEnum, run=alter_enum),
    Utility(node=tree.CreateComposite, run=create_composite),
    Utility(node=tree.CreateDomain, run=create_domain),
    Utility(node=tree.AlterDomain, run=alter_domain),
)
