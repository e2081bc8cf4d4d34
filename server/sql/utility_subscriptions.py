"""CREATE, ALTER and DROP SUBSCRIPTION."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, Utilities, names
from server.sql.grammar import tree
from server.sql.utility_statement import Option, UtilityStatement, options


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSubscription(UtilityStatement):
    """CREATE SUBSCRIPTION."""

    command_tag = "CREATE SUBSCRIPTION"
    name: str
    connection: str
    publications: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSubscription(UtilityStatement):
    """ALTER SUBSCRIPTION; kind: `options connection set add drop refresh enabled skip`."""

    command_tag = "ALTER SUBSCRIPTION"
    kind: str
    name: str
    connection: str
    publications: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSubscription(UtilityStatement):
    """DROP SUBSCRIPTION."""

    command_tag = "DROP SUBSCRIPTION"
    name: str
    if_exists: bool


KINDS: Final[dict[int, str]] = {
    tree.ALTER_SUBSCRIPTION_OPTIONS: "options",
    tree.ALTER_SUBSCRIPTION_CONNECTION: "connection",
    tree.ALTER_SUBSCRIPTION_SET_PUBLICATION: "set",
    tree.ALTER_SUBSCRIPTION_ADD_PUBLICATION: "add",
    tree.ALTER_SUBSCRIPTION_DROP_PUBLICATION: "drop",
    tree.ALTER_SUBSCRIPTION_REFRESH: "refresh",
    tree.ALTER_SUBSCRIPTION_ENABLED: "enabled",
    tree.ALTER_SUBSCRIPTION_SKIP: "skip",
}


def create_subscription(
    context: Context, message: tree.CreateSubscriptionStmt
) -> CreateSubscription:
    """Convert CREATE SUBSCRIPTION."""
    return CreateSubscription(
        name=message.subname,
        connection=message.conninfo,
        publications=names(message.publication),
        options=options(context, message.options),
    )


def alter_subscription(context: Context, message: tree.AlterSubscriptionStmt) -> AlterSubscription:
    """Convert ALTER SUBSCRIPTION."""
    return AlterSubscription(
        kind=KINDS[message.kind],
        name=message.subname,
        connection=message.conninfo,
        publications=names(message.publication),
        options=options(context, message.options),
    )


def drop_subscription(_context: Context, message: tree.DropSubscriptionStmt) -> DropSubscription:
    """Convert DROP SUBSCRIPTION."""
    return DropSubscription(name=message.subname, if_exists=message.missing_ok)


UTILITIES: Final[Utilities] = {
    "create_subscription_stmt": create_subscription,
    "alter_subscription_stmt": alter_subscription,
    "drop_subscription_stmt": drop_subscription,
}
