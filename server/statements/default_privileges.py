"""ALTER DEFAULT PRIVILEGES: what new objects of a role, everywhere or in a schema, may be used for by whom.

Rule 1: without a schema an entry takes the place of the built-in defaults; one of a schema adds to them.
Rule 2: an entry that says what would hold anyway is not kept.
"""

from __future__ import annotations

from typing import Any, Final

from server.catalog.objects import DefaultPrivileges
from server.catalog.privileges import (
    ALL_OF,
    DEFAULT_LETTERS,
    LETTERS,
    Grant,
    default_grants,
    default_privileges_name,
    merged_grants,
    parse_item,
)
from server.errors import InvalidGrantOperation
from server.sql import utility_roles as tree
from server.statements.grants import given, taken
from server.statements.names import claim_name, role_oid, schema_named
from server.statements.ownership import require_member
from server.statements.statement import Run, StatementContext, Utility

KIND_OF: Final = {
    "table": "table",
    "sequence": "sequence",
    "function": "function",
    "procedure": "function",
    "routine": "function",
    "type": "type",
    "schema": "schema",
}
WORDS: Final = {"table": "relation"}


def alter_defaults(context: StatementContext, statement: tree.AlterDefaultPrivileges) -> Run:
    """ALTER DEFAULT PRIVILEGES."""
    options = {option.name: option.value for option in statement.options}
    roles = [role_oid(context, name) for name in _items(options.get("roles"))]
    schemas = [schema_named(context, name).oid for name in _items(options.get("schemas"))]
    grant = statement.grant
    kind = KIND_OF[grant.kind]
    if schemas and kind == "schema":
        raise InvalidGrantOperation(
            "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS"
        )
    letters = _letters(kind, grant)
    grantees = tuple(role_oid(context, name) for name in grant.grantees)
    for role in roles or [context.user_oid]:
        require_member(context, role)
        for schema in schemas or [0]:
            yield from claim_name(context, schema, default_privileges_name(role, kind))
            _change(context, (role, schema, kind), grant, letters, grantees)
    return "ALTER DEFAULT PRIVILEGES"


def _items(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _letters(kind: str, grant: tree.Grant) -> frozenset[str]:
    if not grant.privileges:
        return frozenset(ALL_OF[kind])
    letters: set[str] = set()
    for privilege in grant.privileges:
        if privilege.columns:
            raise InvalidGrantOperation("default privileges cannot be set for columns")
        letter = LETTERS.get(privilege.name, "?")
        if privilege.name == "all":
            letters |= set(ALL_OF[kind])
        elif letter not in ALL_OF[kind]:
            raise InvalidGrantOperation(
                f"invalid privilege type {privilege.name.upper()} for {WORDS.get(kind, kind)}"
            )
        letters.add(letter)
    return frozenset(letters & set(ALL_OF[kind]))


def _change(
    context: StatementContext,
    place: tuple[int, int, str],
    grant: tree.Grant,
    letters: frozenset[str],
    grantees: tuple[int, ...],
) -> None:
    """Change one entry, and drop it when it says what holds without it."""
    role, schema, kind = place
    built_in = () if schema else default_grants(kind, role)
    name = default_privileges_name(role, kind)
    old = context.catalog.default_privileges(schema, name)
    grants: list[Grant] = list(built_in if old is None else map(parse_item, old.acl or ()))
    for grantee in grantees:
        if grant.is_grant:
            grants = given(grants, grantee, role, letters, option=grant.grant_option)
        else:
            grants = taken(grants, grantee, role, letters, grant)
    kept = [item for item in grants if item.letters]
    if merged_grants(kept) == merged_grants(built_in):
        if old is not None:
            context.ddl.remove(old.oid)
        return
    oid = context.new_oid() if old is None else old.oid
    acl = tuple(item.item for item in kept)
    context.ddl.put(
        DefaultPrivileges(
            oid=oid, name=name, owner=role, schema=schema, letter=DEFAULT_LETTERS[kind], acl=acl
        )
    )


UTILITIES = (Utility(node=tree.AlterDefaultPrivileges, run=alter_defaults),)
