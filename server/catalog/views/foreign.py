"""pg_foreign_data_wrapper, pg_foreign_server and their kin, and the views of information_schema about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.foreign_objects import (
    PUBLIC_ROLE,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
)
from server.catalog.objects import Schema, Table
from server.catalog.privileges import has_privilege, has_privileges_of, is_superuser
from server.catalog.views.listings import name_of
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject


def _array(options: tuple[str, ...]) -> Any:
    return texts(options) if options else None


def _wrappers(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(ForeignDataWrapper):
        yield {
            "oid": value.oid,
            "fdwname": value.name,
            "fdwowner": value.owner,
            "fdwhandler": value.handler,
            "fdwvalidator": value.validator,
            "fdwacl": acl_array(view, value.acl),
            "fdwoptions": _array(value.options),
        }


def _servers(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(ForeignServer):
        yield {
            "oid": value.oid,
            "srvname": value.name,
            "srvowner": value.owner,
            "srvfdw": value.wrapper,
            "srvtype": value.kind,
            "srvversion": value.version,
            "srvacl": acl_array(view, value.acl),
            "srvoptions": _array(value.options),
        }


def _mappings(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(UserMapping):
        yield {
            "oid": value.oid,
            "umuser": value.role,
            "umserver": value.server,
            "umoptions": _array(value.options),
        }


def foreign_tables(view: CatalogView) -> Iterator[tuple[Table, ForeignServer]]:
    """The foreign tables with their servers."""
    for value in view.objects(Table):
        server = view.object(value.server) if value.kind == "f" else None
        if isinstance(server, ForeignServer):
            yield value, server


def _tables(view: CatalogView) -> Iterator[Row]:
    for value, server in foreign_tables(view):
        yield {
            "ftrelid": value.oid,
            "ftserver": server.oid,
            "ftoptions": _array(value.foreign_options),
        }


# What a user may see


def _user_mappings(session: Any) -> Iterator[Row]:
    """pg_user_mappings: options are for who is meant, and for those who say who is."""
    view, user = session.transaction.catalog, session.user_oid
    for value, server in _mappings_and_servers(view):
        is_mine = value.role == user and (
            has_privileges_of(view, user, server.owner) or has_privilege(view, user, server, "U")
        )
        is_ours = value.role == PUBLIC_ROLE and has_privileges_of(view, user, server.owner)
        is_shown = is_mine or is_ours or is_superuser(view, user)
        yield {
            "umid": value.oid,
            "srvid": server.oid,
            "srvname": server.name,
            "umuser": value.role,
            "usename": _role_shown(view, value.role),
            "umoptions": _array(value.options) if is_shown else None,
        }


def _mappings_and_servers(view: CatalogView) -> Iterator[tuple[UserMapping, ForeignServer]]:
    for value in view.objects(UserMapping):
        server = view.object(value.server)
        if isinstance(server, ForeignServer):
            yield value, server


def _role_shown(view: CatalogView, role: int) -> str:
    return "public" if role == PUBLIC_ROLE else name_of(view, role)


def _may_see(session: Any, value: CatalogObject, letter: str = "U") -> bool:
    view, user = session.transaction.catalog, session.user_oid
    return has_privileges_of(view, user, value.owner) or has_privilege(view, user, value, letter)


def _wrapper_row(session: Any, value: ForeignDataWrapper) -> dict[str, Any]:
    return {
        "foreign_data_wrapper_catalog": session.database_name,
        "foreign_data_wrapper_name": value.name,
    }


def _server_row(session: Any, value: ForeignServer) -> dict[str, Any]:
    return {
        "foreign_server_catalog": session.database_name,
        "foreign_server_name": value.name,
    }


def _option_rows(row: dict[str, Any], options: Iterable[str]) -> Iterator[Row]:
    for option in options:
        name, _, text = option.partition("=")
        yield {**row, "option_name": name, "option_value": text}


def _seen_wrappers(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for value in view.objects(ForeignDataWrapper):
        if _may_see(session, value):
            yield {
                **_wrapper_row(session, value),
                "authorization_identifier": name_of(view, value.owner),
                "foreign_data_wrapper_language": "c",
            }


def _seen_wrapper_options(session: Any) -> Iterator[Row]:
    for value in session.transaction.catalog.objects(ForeignDataWrapper):
        if _may_see(session, value):
            yield from _option_rows(_wrapper_row(session, value), value.options)


def _seen_servers(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for value in view.objects(ForeignServer):
        wrapper = view.object(value.wrapper)
        if _may_see(session, value):
            yield {
                **_server_row(session, value),
                **_wrapper_row(session, wrapper),
                "foreign_server_type": value.kind,
                "foreign_server_version": value.version,
                "authorization_identifier": name_of(view, value.owner),
            }


def _seen_server_options(session: Any) -> Iterator[Row]:
    for value in session.transaction.catalog.objects(ForeignServer):
        if _may_see(session, value):
            yield from _option_rows(_server_row(session, value), value.options)


def _seen_tables(session: Any, rows: Callable[[dict[str, Any], Table], Iterable[Row]]) -> Any:
    view, user = session.transaction.catalog, session.user_oid
    for value, server in foreign_tables(view):
        schema = view.object(value.schema)
        is_seen = any(has_privilege(view, user, value, letter) for letter in "arwdDxt")
        if is_seen and isinstance(schema, Schema):
            row = {
                "foreign_table_catalog": session.database_name,
                "foreign_table_schema": schema.name,
                "foreign_table_name": value.name,
            }
            for each in rows(row, value):
                yield {**_server_row(session, server), **each}


def _table_row(row: dict[str, Any], _value: Table) -> Iterator[Row]:
    yield row


def _table_options(row: dict[str, Any], value: Table) -> Iterator[Row]:
    yield from _option_rows(row, value.foreign_options)


def _column_options(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for value, _ in foreign_tables(view):
        schema = view.object(value.schema)
        for column in value.live_columns:
            row = {
                "table_catalog": session.database_name,
                "table_schema": "" if schema is None else schema.name,
                "table_name": value.name,
                "column_name": column.name,
            }
            yield from _option_rows(row, column.foreign_options)


def _seen_mappings(session: Any, *, with_options: bool) -> Iterator[Row]:
    view, user = session.transaction.catalog, session.user_oid
    for value, server in _mappings_and_servers(view):
        if not (_may_see(session, server)):
            continue
        row = {
            "authorization_identifier": (
                "PUBLIC" if value.role == PUBLIC_ROLE else name_of(view, value.role)
            ),
            **_server_row(session, server),
        }
        if not with_options:
            yield row
            continue
        is_told = (
            value.role == user
            or (value.role == PUBLIC_ROLE and has_privileges_of(view, user, server.owner))
            or is_superuser(view, user)
        )
        for found in _option_rows(row, value.options):
            yield found if is_told else {**found, "option_value": None}


RELATIONS = (
    SystemRelation(name="pg_foreign_data_wrapper", objects=_wrappers),
    SystemRelation(name="pg_foreign_server", objects=_servers),
    SystemRelation(name="pg_foreign_table", objects=_tables),
    SystemRelation(name="pg_user_mapping", objects=_mappings),
    SystemRelation(name="pg_user_mappings", live=_user_mappings),
    SystemRelation(name="information_schema.foreign_data_wrappers", live=_seen_wrappers),
    SystemRelation(
        name="information_schema.foreign_data_wrapper_options", live=_seen_wrapper_options
    ),
    SystemRelation(name="information_schema.foreign_servers", live=_seen_servers),
    SystemRelation(name="information_schema.foreign_server_options", live=_seen_server_options),
    SystemRelation(
        name="information_schema.foreign_tables",
        live=lambda session: _seen_tables(session, _table_row),
    ),
    SystemRelation(
        name="information_schema.foreign_table_options",
        live=lambda session: _seen_tables(session, _table_options),
    ),
    SystemRelation(name="information_schema.column_options", live=_column_options),
    SystemRelation(
        name="information_schema.user_mappings",
        live=lambda session: _seen_mappings(session, with_options=False),
    ),
    SystemRelation(
        name="information_schema.user_mapping_options",
        live=lambda session: _seen_mappings(session, with_options=True),
    ),
)
