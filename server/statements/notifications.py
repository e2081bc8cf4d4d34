"""LISTEN, UNLISTEN, NOTIFY."""

from __future__ import annotations

from server.sql import utility_session as tree
from server.statements.statement import Run, StatementContext, Utility


def listen(context: StatementContext, statement: tree.Listen) -> Run:
    """LISTEN channel: from the commit on."""
    yield from ()
    context.session.mail.listen(statement.channel)
    return "LISTEN"


def unlisten(context: StatementContext, statement: tree.Unlisten) -> Run:
    """UNLISTEN channel, UNLISTEN *."""
    yield from ()
    context.session.mail.unlisten(statement.channel)
    return "UNLISTEN"


def notify(context: StatementContext, statement: tree.Notify) -> Run:
    """NOTIFY channel, payload."""
    yield from ()
    context.session.mail.notify(statement.channel, statement.payload)
    return "NOTIFY"


UTILITIES = (
    Utility(node=tree.Listen, run=listen, writes=False),
    Utility(node=tree.Unlisten, run=unlisten, writes=False),
    Utility(node=tree.Notify, run=notify, writes=False),
)
