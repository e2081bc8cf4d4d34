"""What relations, index methods and columns can do.

Relations' places among partitions; publications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.collations import collation_text, rules_of
from server.catalog.functions.scope import names_of, object_of, session_of, view_of
from server.catalog.objects import Index, Table
from server.catalog.privileges import has_privileges_of, role_of
from server.catalog.views.triggers import COMMAND_BITS
from server.errors import DatatypeMismatch, InsufficientPrivilege, WrongObjectType
from server.functions.declare import row
from server.oids import UNKNOWN
from server.types.icu import collator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext
    from server.types.array import Array

CHANGE = COMMAND_BITS["update"] | COMMAND_BITS["delete"]


def _updatable_events(call: CallContext, oid: int, triggers: bool) -> int:
    events: int = session_of(call).updatable_events(oid, triggers=triggers)
    return events


def _column_updatable(call: CallContext, oid: int, number: int, triggers: bool) -> bool:
    if number <= 0:
        return False
    events = session_of(call).updatable_events(oid, triggers=triggers, column=number)
    return bool(events & CHANGE == CHANGE)


def _identity_index(call: CallContext, oid: int) -> int | None:
    return next((index.oid for index in view_of(call).indexes_of(oid) if index.primary), None)


def _row_security(call: CallContext, relation: Any) -> bool:
    view, user = view_of(call), session_of(call).user_oid
    oid = relation if isinstance(relation, int) else names_of(call).oid_of("regclass", relation)
    table = view.object(oid)
    if not isinstance(table, Table) or not table.row_security:
        return False
    role = role_of(view, user)
    if role is None or role.superuser or role.bypass_row_security:
        return False
    return table.force_row_security or not has_privileges_of(view, user, table.owner)


def _argument_types(call: CallContext, types: Array) -> str:
    names = names_of(call)
    return ", ".join(names.name_of("regtype", oid) or "-" for oid in types.items)


def _collation_for(call: CallContext, value: Any) -> str | None:
    reference = call.arguments[0]
    if reference.oid == UNKNOWN:
        return None
    if reference.collation:
        return collation_text(view_of(call), reference.collation, names_of(call).path)
    if reference.type.collation or reference.oid == UNKNOWN:
        return None
    raise DatatypeMismatch(f"collations are not supported by type {reference.type.sql_name}")


def _actual_version(call: CallContext, oid: int) -> str | None:
    """What pg_import_system_collations would note: the version of ICU's rules."""
    locale = rules_of(view_of(call), oid).locale
    return collator(locale, True).version if locale is not None else None


def _options(call: CallContext, options: Array) -> Iterator[tuple[str, str | None]]:
    for option in options.items:
        name, equals, value = option.partition("=")
        yield name, value if equals else None


def _expand(call: CallContext, array: Array) -> Iterator[tuple[Any, int]]:
    for number, item in enumerate(array.items, 1):
        yield item, number


def _clean_pending_list(call: CallContext, oid: int) -> int:
    """Entries are never pending: they are where they belong when a statement ends."""
    index, view = object_of(call, oid, Index), view_of(call)
    if index is None or index.method != "gin":
        named = view.object(oid) if index is None else index
        raise WrongObjectType(f'"{oid if named is None else named.name}" is not a GIN index')
    if not has_privileges_of(view, session_of(call).user_oid, index.owner):
        raise InsufficientPrivilege(f"must be owner of index {index.name}")
    return 0


FUNCTIONS = (
    row(
        "3789 gin_clean_pending_list(regclass) int8 volatile context",
        _clean_pending_list,
        "pages of pending entries put into their place, which are none",
    ),
    row(
        "13208 _pg_expandarray(anyarray) record(x anyelement, n int4) set context",
        _expand,
        "the items of an array with their positions",
    ),
    row(
        "3842 pg_relation_is_updatable(regclass, bool) int4 stable context",
        _updatable_events,
        "what can be done to a relation: a sum of 4 for UPDATE, 8 for INSERT, 16 for DELETE",
    ),
    row(
        "3843 pg_column_is_updatable(regclass, int2, bool) bool stable context",
        _column_updatable,
        "whether a column can be updated",
    ),
    row(
        "6120 pg_get_replica_identity_index(regclass) regclass stable context",
        _identity_index,
        "the index that tells rows apart",
    ),
    row(
        "3298 row_security_active(oid) bool stable context", _row_security, "whether policies hold"
    ),
    row(
        "3299 row_security_active(text) bool stable context", _row_security, "whether policies hold"
    ),
    row(
        "1349 oidvectortypes(oidvector) text stable context",
        _argument_types,
        "the names of a list of types",
    ),
    row(
        "3162 pg_collation_for(any) text stable lax context",
        _collation_for,
        "the collation of a value",
    ),
    row(
        "3448 pg_collation_actual_version(oid) text volatile context",
        _actual_version,
        "the version of the rules of a collation, as the library has them now",
    ),
    row(
        "2289 pg_options_to_table(options_array _text) record(option_name text, option_value text) "
        "stable set context",
        _options,
        "options, one a row",
    ),
)
