"""CREATE and ALTER COLLATION, how other statements find collations, and who depends on one.

Rule 1: of the C library there is the order of bytes, under the names C, POSIX and C.UTF-8; all else is ICU's.
Rule 2: a collation is looked up when it is written, so that what is kept has its OID.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.collations import (
    ICU,
    LIBC,
    Collation,
    collation_named,
    find_collation,
    rules_of,
)
from server.catalog.objects import Constraint, Index, Policy, Table, UserType
from server.catalog.trigger_objects import Trigger
from server.catalog.views.physical import fact_of
from server.errors import (
    BY_SQLSTATE,
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    IndeterminateCollation,
    InvalidCatalogName,
    InvalidObjectDefinition,
    InvalidParameterValue,
    SqlSyntaxError,
)
from server.sql.utility_collations import AlterCollation, RefreshDatabase
from server.statements.definitions import name_in, text_in, truth_in
from server.statements.dependents import Dependent
from server.statements.names import claim_name, target_schema
from server.statements.ownership import require_owner
from server.statements.statement import Utility
from server.statements.view_texts import keeping_views
from server.types.icu import collator, is_available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import CatalogObject, IndexKey
    from server.sql.object_names import ObjectName
    from server.sql.utility_functions import Define
    from server.sql.utility_statement import Name, Option
    from server.statements.statement import Run, StatementContext
    from server.types.type import TypeReference

UTF8: Final = 6
LIBC_LOCALES: Final = frozenset(("c", "posix", "c.utf-8", "c.utf8"))
PROVIDERS: Final = {"icu": ICU, "libc": LIBC}
ATTRIBUTES: Final = (
    *("from", "locale", "lc_collate", "lc_ctype", "provider", "deterministic", "version"),
)
_REDUNDANT: Final = "conflicting or redundant options"


# Collations that other statements name


def collation_for(context: StatementContext, parts: Name, type_oid: int) -> int:
    """The collation that a COLLATE clause names for a type; 0 without a clause."""
    if not parts:
        return 0
    kind = context.catalog.type(type_oid)
    found = find_collation(context.catalog, context.search_path(), parts)
    if not kind.collation:
        raise DatatypeMismatch(f"collations are not supported by type {kind.sql_name}")
    return found


def derived_collation(reference: TypeReference, column: str = "") -> int:
    """The collation of a column or index key that an expression makes; raises where it has none."""
    if not reference.type.collation:
        return 0
    if reference.collation:
        return reference.collation
    what = f'column "{column}" with collatable type' if column else "index expression of type"
    raise IndeterminateCollation(
        f"no collation was derived for {what} {reference.type.sql_name}"
        if column
        else "could not determine which collation to use for index expression",
        hint="Use the COLLATE clause to set the collation explicitly.",
    )


def refuse_patterns(context: StatementContext, key: IndexKey) -> None:
    """Raise for an index of patterns under a collation for which texts that differ are equal."""
    name = key.operator_class.rpartition(".")[2]
    deterministic = rules_of(context.catalog, key.collation).deterministic
    if name.endswith("_pattern_ops") and not deterministic:
        raise FeatureNotSupported(
            f'nondeterministic collations are not supported for operator class "{name}"'
        )


def collation_object(context: StatementContext, _: str, name: ObjectName) -> CatalogObject:
    """The collation that DROP, COMMENT and the like name; built-in ones cannot be changed."""
    oid = find_collation(context.catalog, context.search_path(), name.parts)
    found = context.catalog.object(oid)
    if isinstance(found, Collation):
        return found
    raise BY_SQLSTATE["2BP01"](
        f"cannot drop collation {'.'.join(name.parts)} because it is required by the database system"
    )


# CREATE


def create_collation(context: StatementContext, statement: Define) -> Run:
    """CREATE COLLATION."""
    schema, name = target_schema(context, statement.name)
    written = _options(context, statement)
    value = _copied(context, written["from"]) if "from" in written else _defined(context, written)
    yield from claim_name(context, schema, name)
    if _is_taken(context, statement, value.encoding, schema, name):
        return statement.tag
    made = replace(value, oid=context.new_oid(), name=name, schema=schema, owner=context.user_oid)
    context.ddl.put(made)
    return statement.tag


def _options(context: StatementContext, statement: Define) -> dict[str, Option]:
    """What is written, by name; raises for what contradicts itself."""
    written: dict[str, Option] = {}
    for option in statement.options:
        position = context.position(option.offset)
        if option.name not in ATTRIBUTES:
            raise SqlSyntaxError(
                f'collation attribute "{option.name}" not recognized', position=position
            )
        if option.name in written:
            raise SqlSyntaxError(_REDUNDANT, position=position)
        written[option.name] = option
    if "locale" in written and {"lc_collate", "lc_ctype"} & written.keys():
        raise SqlSyntaxError(
            _REDUNDANT,
            detail="LOCALE cannot be specified together with LC_COLLATE or LC_CTYPE.",
        )
    if "from" in written and len(written) > 1:
        raise SqlSyntaxError(
            _REDUNDANT, detail="FROM cannot be specified together with any other options."
        )
    return written


def _copied(context: StatementContext, option: Option) -> Collation:
    oid = find_collation(context.catalog, context.search_path(), name_in(option))
    found = context.catalog.object(oid)
    if isinstance(found, Collation):
        return replace(found, comment=None)
    row = fact_of("pg_collation", oid)
    assert row is not None
    if row["collprovider"] == "d":
        raise InvalidObjectDefinition('collation "default" cannot be copied')
    return Collation(
        oid=0,
        name="",
        schema=0,
        provider=row["collprovider"],
        locale=row["colliculocale"],
        collate=row["collcollate"],
        ctype=row["collctype"],
        encoding=row["collencoding"],
        version=row["collversion"],
    )


def _defined(context: StatementContext, written: dict[str, Option]) -> Collation:
    given = {name: text_in(option) for name, option in written.items() if name != "deterministic"}
    deterministic = "deterministic" not in written or truth_in(written["deterministic"])
    provider = PROVIDERS.get(given.get("provider", "libc").lower())
    if provider is None:
        raise InvalidObjectDefinition(f"unrecognized collation provider: {given['provider']}")
    if provider == LIBC:
        return _of_libc(given, deterministic=deterministic)
    if "locale" not in given:
        raise InvalidObjectDefinition('parameter "locale" must be specified')
    order = collator(given["locale"], deterministic)
    return Collation(
        oid=0,
        name="",
        schema=0,
        provider=ICU,
        locale=given["locale"],
        deterministic=deterministic,
        version=given.get("version", order.version),
    )


def _of_libc(given: dict[str, str], *, deterministic: bool) -> Collation:
    both = given.get("locale")
    collate, ctype = given.get("lc_collate", both), given.get("lc_ctype", both)
    for name, value in (("lc_collate", collate), ("lc_ctype", ctype)):
        if value is None:
            raise InvalidObjectDefinition(f'parameter "{name}" must be specified')
    if not deterministic:
        raise FeatureNotSupported("nondeterministic collations not supported with this provider")
    for value in (collate, ctype):
        if value is not None and value.lower() not in LIBC_LOCALES:
            raise InvalidParameterValue(
                f'could not create locale "{value}": No such file or directory',
                detail="The operating system could not find any locale data for the locale name "
                f'"{value}".',
            )
    return Collation(
        oid=0,
        name="",
        schema=0,
        provider=LIBC,
        collate=collate,
        ctype=ctype,
        encoding=UTF8,
        version=given.get("version"),
    )


def _is_taken(
    context: StatementContext, statement: Define, encoding: int, schema: int, name: str
) -> bool:
    """Whether there is such a collation and that is no matter; raises DuplicateObject if it is."""
    if not collation_named(context.catalog, schema, name):
        return False
    of = "" if encoding < 0 else ' for encoding "UTF8"'
    message = f'collation "{name}"{of} already exists'
    if not statement.if_not_exists:
        raise DuplicateObject(message)
    context.notice("42710", f"{message}, skipping")
    return True


# ALTER


def alter_collation(context: StatementContext, statement: AlterCollation) -> Run:
    """ALTER COLLATION ... REFRESH VERSION."""
    yield from ()
    oid = find_collation(context.catalog, context.search_path(), statement.name)
    found = context.catalog.object(oid)
    if not isinstance(found, Collation):
        context.notice("00000", "version has not changed")
        return statement.command_tag
    require_owner(context, found, "collation")
    version = actual_version(found.locale)
    if version == found.version:
        context.notice("00000", "version has not changed")
    else:
        context.notice("00000", f"changing version from {found.version} to {version}")
        context.ddl.put(replace(found, version=version))
    return statement.command_tag


def actual_version(locale: str | None) -> str | None:
    """The version of the rules of a locale of ICU, as the library has them."""
    return collator(locale, True).version if locale is not None and is_available() else None


def rename_collation(context: StatementContext, statement: Any) -> Any:
    """ALTER COLLATION ... RENAME TO."""
    found = collation_object(context, statement.kind, statement.name)
    assert isinstance(found, Collation)
    require_owner(context, found, "collation")
    yield from claim_name(context, found.schema, statement.new_name)
    _refuse_same(context, found, found.schema, statement.new_name)
    _refuse_named(context, found)
    with keeping_views(context):
        context.ddl.put(replace(found, name=statement.new_name))


def move_collation(context: StatementContext, statement: Any, schema: int) -> Any:
    """ALTER COLLATION ... SET SCHEMA."""
    found = collation_object(context, statement.kind, statement.name)
    assert isinstance(found, Collation)
    require_owner(context, found, "collation")
    yield from claim_name(context, schema, found.name)
    if schema != found.schema:
        _refuse_same(context, found, schema, found.name)
        _refuse_named(context, found)
    with keeping_views(context):
        context.ddl.put(replace(found, schema=schema))


def _refuse_named(context: StatementContext, found: Collation) -> None:
    """Raise for a collation that a check, an index, a default or a policy names: it is kept by its name."""
    for holder, texts in _texts(context):
        if _is_named(found, texts):
            raise FeatureNotSupported(
                f'collation "{found.name}" is named by "{holder.name}", where it would have to change'
            )


def _is_named(found: Collation, texts: tuple[str | None, ...]) -> bool:
    return any(text and "COLLATE" in text and found.name in text for text in texts)


def _texts(context: StatementContext) -> Iterator[tuple[CatalogObject, tuple[str | None, ...]]]:
    """The expressions that the catalog keeps, by what holds them."""
    for constraint in context.catalog.objects(Constraint):
        yield constraint, (constraint.expression,)
    for index in context.catalog.objects(Index):
        yield index, (index.predicate, *(key.expression for key in index.keys))
    for table in context.catalog.objects(Table):
        key = table.partition_key
        parts = () if key is None else tuple(part.expression for part in key.parts)
        yield table, (*parts, *(column.default for column in table.live_columns))
    for policy in context.catalog.objects(Policy):
        yield policy, (policy.using, policy.with_check)
    for trigger in context.catalog.objects(Trigger):
        yield trigger, (trigger.when,)
    for kind in context.catalog.objects(UserType):
        yield kind, (kind.default,)


def _refuse_same(context: StatementContext, found: Collation, schema: int, name: str) -> None:
    if not collation_named(context.catalog, schema, name):
        return
    home = context.catalog.object(schema)
    assert home is not None
    of = "" if found.encoding < 0 else ' for encoding "UTF8"'
    raise DuplicateObject(f'collation "{name}"{of} already exists in schema "{home.name}"')


def refresh_database(context: StatementContext, statement: RefreshDatabase) -> Run:
    """ALTER DATABASE ... REFRESH COLLATION VERSION: a database's own collation has no version."""
    yield from ()
    found = context.catalog.database_named(statement.name)
    if found is None:
        raise InvalidCatalogName(f'database "{statement.name}" does not exist')
    require_owner(context, found)
    context.notice("00000", "version has not changed")
    return statement.command_tag


# Who depends on one


def of_collation(context: StatementContext, value: Collation) -> Iterator[Dependent]:
    """Columns, domains, ranges, indexes and partition keys under a collation, and what names it."""
    for table in context.catalog.objects(Table):
        yield from _of_table(table, value)
    for kind in context.catalog.objects(UserType):
        if kind.collation == value.oid:
            yield Dependent(kind, automatic=False)
    for index in context.catalog.objects(Index):
        if any(key.collation == value.oid for key in index.keys):
            yield Dependent(index, automatic=False)
    for holder, texts in _texts(context):
        if not isinstance(holder, Table | UserType) and _is_named(value, texts):
            yield Dependent(holder, automatic=False)


def _of_table(table: Table, value: Collation) -> Iterator[Dependent]:
    """The table itself if it is nothing without the collation, else those of its columns."""
    key = table.partition_key
    used = {*table.depends_on, *(() if key is None else (part.collation for part in key.parts))}
    if table.kind in "vm":
        used |= {column.collation for column in table.live_columns}
    if value.oid in used:
        yield Dependent(table, automatic=False)
    elif table.kind not in "vm":
        yield from _of_columns(table, value)


def _of_columns(table: Table, value: Collation) -> Iterator[Dependent]:
    for column in table.live_columns:
        named = _is_named(value, (column.default,))
        if column.collation == value.oid or named:
            word = "composite type" if table.kind == "c" else "table"
            text = f"column {column.name} of {word} {table.name}"
            if named:
                text = f"default value for {text}"
            yield Dependent(None, False, text, (table.oid, column.number))


UTILITIES = (
    Utility(node=AlterCollation, run=alter_collation),
    Utility(node=RefreshDatabase, run=refresh_database),
)
