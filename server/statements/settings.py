"""SET, RESET, SHOW, DISCARD."""

from __future__ import annotations

from typing import Any

from server.config import parse_value, setting_named, show
from server.errors import FeatureNotSupported, InvalidParameterValue
from server.identifiers import quote_identifier
from server.settings import NAME_LISTS
from server.sql import nodes
from server.sql import utility_session as tree
from server.statements.prepared import forget_named
from server.statements.statement import (
    Description,
    Run,
    StatementContext,
    Utility,
    text_description,
    text_rows,
)


def set_value(context: StatementContext, statement: tree.Set) -> Run:
    """SET name TO values."""
    yield from ()
    name = statement.name.lower()
    if statement.local and not context.session.transaction.outlives_statement:
        context.warn("25P01", "SET LOCAL can only be used in transaction blocks")
    text = joined(name, statement.values) if statement.values else None
    assign(context, name, text, local=statement.local)
    return "SET"


def assign(context: StatementContext, name: str, text: str | None, *, local: bool) -> None:
    """Give a setting a value, those with a meaning of their own included."""
    special = SPECIAL.get(name)
    if special is not None:
        special(context, text, local)
        return
    context.session.rights.set_value(name, text, local=local)


def joined(name: str, values: tuple[Any, ...]) -> str:
    """The values of SET as one text: a list is separated by commas, names are quoted where they must be."""
    texts = map(_text, values)
    return ", ".join(map(quote_identifier, texts) if name in NAME_LISTS else texts)


def changed_settings(
    context: StatementContext, settings: tuple[str, ...], change: tree.Setting
) -> tuple[str, ...]:
    """Settings `name=value` that are kept with an object, after SET or RESET of one."""
    if isinstance(change, tree.SetTransaction):
        raise FeatureNotSupported("SET TRANSACTION cannot be kept for sessions to come")
    if not change.name:
        return ()
    name = change.name.lower()
    kept = tuple(item for item in settings if item.partition("=")[0].lower() != name)
    if isinstance(change, tree.Reset) and not settings:
        return ()  # of whatever name: there is nothing to look for
    if "." not in name:
        context.settings.guard(setting_named(name), None)
    if isinstance(change, tree.Reset) or not (change.values or change.from_current):
        return kept
    text = context.settings.show(name) if change.from_current else joined(name, change.values)
    if "." in name:
        return (*kept, f"{change.name}={text}")
    setting = setting_named(name)
    parse_value(setting, text)
    return (*kept, f"{setting.name}={text}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, nodes.TypeName):
        raise FeatureNotSupported("SET with an interval is not supported")
    return str(value)


def _transaction_isolation(context: StatementContext, text: str | None, local: bool) -> None:
    level = (text or "read committed").lower()
    levels = ("serializable", "repeatable read", "read committed", "read uncommitted")
    if level not in levels:
        raise InvalidParameterValue(
            f'invalid value for parameter "transaction_isolation": "{text}"',
            hint="Available values: " + ", ".join(levels) + ".",
        )
    context.session.transaction.set_modes(isolation=level)


def _transaction_read_only(context: StatementContext, text: str | None, local: bool) -> None:
    context.session.transaction.set_modes(
        read_only=(text or "off").lower() in ("on", "true", "1", "yes")
    )


SPECIAL = {
    "transaction_isolation": _transaction_isolation,
    "transaction_read_only": _transaction_read_only,
}


def reset(context: StatementContext, statement: tree.Reset) -> Run:
    """RESET name, RESET ALL."""
    yield from ()
    if statement.name and statement.name != "all":
        assign(context, statement.name.lower(), None, local=False)
    else:
        context.settings.reset_all()
    return "RESET"


def describe_show(context: StatementContext, statement: tree.Show) -> Description:
    """The columns of SHOW."""
    if statement.name == "all":
        return text_description("name", "setting", "description")
    name = statement.name.lower()
    if "." in name:
        return text_description(name)
    return text_description(setting_named(name).name)


def show_value(context: StatementContext, statement: tree.Show) -> Run:
    """SHOW name, SHOW ALL."""
    if statement.name == "all":
        rows = [
            (setting.name, show(setting, assigned.value), setting.category)
            for setting, assigned in context.settings.all()
        ]
        yield text_rows(*zip(*rows, strict=True))
        return "SHOW"
    mode = context.session.transaction.shown_mode(statement.name)
    yield text_rows([mode or context.settings.show(statement.name)])
    return "SHOW"


def discard(context: StatementContext, statement: tree.Discard) -> Run:
    """DISCARD."""
    yield from ()
    session = context.session
    if statement.target == "all":
        session.transaction.refuse_in_block("DISCARD ALL")
        session.forget_portals()
        forget_named(session)
        session.settings.reset_all()
        session.rights.set_authorization(None, local=False)
        session.mail.unlisten()
        session.database.engine.locks.release_since(session)
    if statement.target in ("all", "sequences"):
        session.sequences.values.clear()
        session.sequences.last = None
    if statement.target in ("all", "temp"):
        session.empty_temporary_schema(context.ddl, context.transaction)
    return statement.tag


UTILITIES = (
    Utility(node=tree.Set, run=set_value, writes=False),
    Utility(node=tree.Reset, run=reset, writes=False),
    Utility(node=tree.Show, run=show_value, describe=describe_show, writes=False),
    Utility(node=tree.Discard, run=discard, writes=False),
)
