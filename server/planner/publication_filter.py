"""WHERE of publications: what may stand in it, and whether a replica identity covers what subscribers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.partition_bounds import leaves_of
from server.catalog.publications import identity_columns, publications_with
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidColumnReference,
    ObjectNotInPrerequisiteState,
)
from server.expressions.expression import Call, Expression, Subquery, columns_used, walk
from server.oids import BOOL, FIRST_USER_OID, UNKNOWN
from server.planner.bind_expression import bind_expression
from server.planner.bind_text import parse_expression
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.mutability import is_mutable
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import table_scope
from server.planner.type_facts import type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.catalog.publications import PublishedAs

SIMPLE = (
    "Only columns, constants, built-in operators, built-in data types, built-in collations, and "
    "immutable built-in functions are allowed."
)


def check_filter(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression, base_offset: int
) -> None:
    """Refuse what a publication's WHERE may not have."""
    context = BindContext(environment, base_offset=base_offset, role=environment.user)
    for node in tree.find_all(nodes.ColumnReference):
        parts = node.args["parts"]
        if parts and parts[-1] in SYSTEM_COLUMNS and table.column_named(parts[-1]) is None:
            raise _invalid(context, node, "System columns are not allowed.")
    bound = bind_expression(context, table_scope(context, table, "WHERE"), tree)
    if bound.type.oid not in (BOOL, UNKNOWN):
        kind = type_name(context, bound.type.oid)
        raise DatatypeMismatch(
            f"argument of PUBLICATION WHERE must be type boolean, not type {kind}"
        ).at(context.position(nodes.offset_of(tree)))
    for part in walk(bound):
        reason = _reason_against(context, part)
        if reason:
            raise _invalid(context, tree, reason)


def _reason_against(context: BindContext, part: Expression) -> str:
    if isinstance(part, Subquery):
        return SIMPLE
    if isinstance(part, Call):
        operator = part.form == "operator"
        if part.function.oid >= FIRST_USER_OID:
            which = "operators" if operator else "or built-in mutable functions"
            return f"User-defined {which} are not allowed."
        if is_mutable(context, part):
            return "User-defined or built-in mutable functions are not allowed."
    if part.type.oid >= FIRST_USER_OID:
        return "User-defined types are not allowed."
    return ""


def _invalid(context: BindContext, node: exp.Expression, detail: str) -> FeatureNotSupported:
    error = FeatureNotSupported("invalid publication WHERE expression", detail=detail)
    found = error.at(context.position(nodes.offset_of(node)))
    assert isinstance(found, FeatureNotSupported)
    return found


def check_replica_identity(context: BindContext, table: Table, event: str) -> None:
    """Refuse an UPDATE or DELETE that subscribers could not be told of."""
    if not context.catalog.publications:
        return
    tables = leaves_of(context.catalog, table) if table.kind == "p" else [table]
    for each in tables:
        _check_table(context, each, event)


def _check_table(context: BindContext, table: Table, event: str) -> None:
    view = context.catalog
    identity = identity_columns(view, table)
    found = [each for each in publications_with(view, table) if event in each.publication.publishes]
    if identity is None:
        if any(each.member is not None and each.member.columns for each in found):
            raise _uncovered(table, event, "Column list used by the publication does not cover the")
        return
    for each in found:
        if _filter_columns(context, table, each) - identity:
            raise _uncovered(
                table, event, "Column used in the publication WHERE expression is not part of the"
            )
        listed = _listed_columns(view, table, each)
        if listed is not None and identity - listed:
            raise _uncovered(table, event, "Column list used by the publication does not cover the")
    if not identity and found:
        doing = {"update": "updating", "delete": "deleting from"}[event]
        verb = {"update": "update", "delete": "delete from"}[event]
        raise ObjectNotInPrerequisiteState(
            f'cannot {verb} table "{table.name}" because it does not have a replica identity and '
            f"publishes {event}s",
            hint=f"To enable {doing} the table, set REPLICA IDENTITY using ALTER TABLE.",
        )


def _uncovered(table: Table, event: str, what: str) -> InvalidColumnReference:
    verb = {"update": "update", "delete": "delete from"}[event]
    return InvalidColumnReference(
        f'cannot {verb} table "{table.name}"', detail=f"{what} replica identity."
    )


def _filter_columns(context: BindContext, table: Table, found: PublishedAs) -> set[int]:
    """The columns of the table that the publication's WHERE reads."""
    member = found.member
    if member is None or member.condition is None:
        return set()
    owner = context.catalog.object(member.table)
    assert isinstance(owner, Table)
    scope = table_scope(context, owner, "WHERE")
    read = columns_used(bind_expression(context, scope, parse_expression(member.condition)))
    return _numbers_in(context.catalog, table, member.table, read)


def _listed_columns(view: CatalogView, table: Table, found: PublishedAs) -> set[int] | None:
    if found.member is None or not found.member.columns:
        return None
    return _numbers_in(view, table, found.member.table, set(found.member.columns))


def _numbers_in(view: CatalogView, table: Table, other: int, numbers: set[int]) -> set[int]:
    """Columns of a table or of one above it, as numbers of the table."""
    if other == table.oid:
        return numbers
    above = view.object(other)
    assert isinstance(above, Table)
    names = {above.column(number).name for number in numbers}
    return {column.number for column in table.live_columns if column.name in names}
