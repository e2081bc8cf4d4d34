"""CREATE, ALTER and DROP SUBSCRIPTION. The catalog keeps them; what would have to call the publisher is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Role
from server.catalog.publication_objects import Subscription
from server.errors import (
    BY_SQLSTATE,
    ActiveSqlTransaction,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlError,
    SqlSyntaxError,
    UndefinedObject,
)
from server.sql import utility_subscriptions as tree
from server.statements.connection_strings import check_connection
from server.statements.option_values import boolean_option, option_word
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility
from server.types.identifiers import parse_lsn
from server.types.type import TextStyle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Option

BOOLEANS: Final = (
    *("connect", "enabled", "create_slot", "copy_data", "refresh", "binary", "streaming"),
    *("two_phase", "disable_on_error"),
)
STORED: Final = ("binary", "streaming", "two_phase", "disable_on_error")
OF_CREATE: Final = (
    *("connect", "enabled", "create_slot", "slot_name", "copy_data", "synchronous_commit"),
    *("binary", "streaming", "two_phase", "disable_on_error"),
)
OF_SET: Final = ("slot_name", "synchronous_commit", "binary", "streaming", "disable_on_error")
COMMIT_LEVELS: Final = ("local", "remote_write", "remote_apply", "on", "off")
COMMIT_WORDS: Final = {
    "true": "on",
    "yes": "on",
    "1": "on",
    "false": "off",
    "no": "off",
    "0": "off",
}
NOT_CALLED: Final = "subscriptions that call their publisher are not supported"

Values = dict[str, Any]


def create_subscription(context: StatementContext, statement: tree.CreateSubscription) -> Run:
    """CREATE SUBSCRIPTION."""
    yield from ()
    values = _values(statement.options, OF_CREATE)
    _check_connected(values)
    if values.get("create_slot", True) and values.get("connect", True):
        _refuse_in_block(context, "CREATE SUBSCRIPTION ... WITH (create_slot = true)")
    role = context.catalog.object(context.user_oid)
    if not isinstance(role, Role) or not role.superuser:
        raise InsufficientPrivilege("must be superuser to create subscriptions")
    if _find(context, statement.name) is not None:
        raise DuplicateObject(f'subscription "{statement.name}" already exists')
    _check_distinct(statement.publications)
    check_connection(statement.connection)
    if values.get("connect", True):
        raise FeatureNotSupported(NOT_CALLED, hint="Use WITH (connect = false).")
    made = Subscription(
        oid=context.new_oid(),
        name=statement.name,
        owner=context.user_oid,
        connection=statement.connection,
        publications=statement.publications,
        database=context.session.database_oid,
        slot_name=values.get("slot_name", statement.name),
        synchronous_commit=values.get("synchronous_commit", "off"),
    )
    stored = {name: values[name] for name in STORED if name in values}
    context.ddl.put(replace(made, **stored))
    context.warn(
        "01000",
        "tables were not subscribed, you will have to run ALTER SUBSCRIPTION ... REFRESH "
        "PUBLICATION to subscribe the tables",
    )
    return "CREATE SUBSCRIPTION"


def _check_connected(values: Values) -> None:
    """Options that contradict each other."""
    if not values.get("connect", True):
        for name in ("enabled", "create_slot", "copy_data"):
            if values.get(name):
                raise SqlSyntaxError(
                    f"connect = false and {name} = true are mutually exclusive options"
                )
        values |= {"enabled": False, "create_slot": False, "copy_data": False}
    if "slot_name" not in values or values["slot_name"] is not None:
        return
    for name in ("enabled", "create_slot"):
        if values.get(name):
            raise SqlSyntaxError(
                f"slot_name = NONE and {name} = true are mutually exclusive options"
            )
    for name in ("enabled", "create_slot"):
        if values.get(name, True):
            raise SqlSyntaxError(f"subscription with slot_name = NONE must also set {name} = false")


def alter_subscription(context: StatementContext, statement: tree.AlterSubscription) -> Run:
    """ALTER SUBSCRIPTION."""
    yield from ()
    found = subscription_called(context, statement.name)
    require_owner(context, found, "subscription")
    context.ddl.put(_ALTERATIONS[statement.kind](context, found, statement))
    return "ALTER SUBSCRIPTION"


def _set_options(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    values = _values(statement.options, OF_SET)
    if "slot_name" in values and values["slot_name"] is None and found.enabled:
        raise ObjectNotInPrerequisiteState("cannot set slot_name = NONE for enabled subscription")
    return replace(found, **values)


def _set_connection(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    check_connection(statement.connection)
    return replace(found, connection=statement.connection)


def _set_enabled(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    enabled = _values(statement.options, ("enabled",))["enabled"]
    if enabled and found.slot_name is None:
        raise ObjectNotInPrerequisiteState(
            "cannot enable subscription that does not have a slot name"
        )
    return replace(found, enabled=enabled)


def _set_publications(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    values = _values(statement.options, ("copy_data", "refresh"))
    names = _PUBLICATIONS[statement.kind](found, statement.publications)
    if values.get("refresh", True):
        verb = statement.kind.upper()
        if not found.enabled:
            raise ObjectNotInPrerequisiteState(
                "ALTER SUBSCRIPTION with refresh is not allowed for disabled subscriptions",
                hint=f"Use ALTER SUBSCRIPTION ... {verb} PUBLICATION ... WITH (refresh = false).",
            )
        _refuse_in_block(context, "ALTER SUBSCRIPTION with refresh")
        raise FeatureNotSupported(NOT_CALLED)
    return replace(found, publications=names)


def _replaced(found: Subscription, names: tuple[str, ...]) -> tuple[str, ...]:
    _check_distinct(names)
    return names


def _added(found: Subscription, names: tuple[str, ...]) -> tuple[str, ...]:
    _check_distinct(names)
    for name in names:
        if name in found.publications:
            raise DuplicateObject(f'publication "{name}" is already in subscription "{found.name}"')
    return (*found.publications, *names)


def _dropped(found: Subscription, names: tuple[str, ...]) -> tuple[str, ...]:
    _check_distinct(names)
    for name in names:
        if name not in found.publications:
            raise InvalidObjectDefinition(
                f'publication "{name}" is not in subscription "{found.name}"'
            )
    left = tuple(name for name in found.publications if name not in names)
    if not left:
        raise InvalidObjectDefinition("cannot drop all the publications from a subscription")
    return left


_PUBLICATIONS = {"set": _replaced, "add": _added, "drop": _dropped}


def _refresh(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    if not found.enabled:
        raise ObjectNotInPrerequisiteState(
            "ALTER SUBSCRIPTION ... REFRESH is not allowed for disabled subscriptions"
        )
    _values(statement.options, ("copy_data",))
    _refuse_in_block(context, "ALTER SUBSCRIPTION ... REFRESH")
    raise FeatureNotSupported(NOT_CALLED)


def _skip(
    context: StatementContext, found: Subscription, statement: tree.AlterSubscription
) -> Subscription:
    return replace(found, skip_lsn=_values(statement.options, ("lsn",))["lsn"])


_ALTERATIONS = {
    "options": _set_options,
    "connection": _set_connection,
    "enabled": _set_enabled,
    "set": _set_publications,
    "add": _set_publications,
    "drop": _set_publications,
    "refresh": _refresh,
    "skip": _skip,
}


def drop_subscription(context: StatementContext, statement: tree.DropSubscription) -> Run:
    """DROP SUBSCRIPTION; one that has a slot at its publisher would have to call there."""
    yield from ()
    found = _find(context, statement.name)
    if found is None and statement.if_exists:
        context.notice("00000", f'subscription "{statement.name}" does not exist, skipping')
        return "DROP SUBSCRIPTION"
    found = subscription_called(context, statement.name)
    require_owner(context, found, "subscription")
    if found.slot_name is not None:
        _refuse_in_block(context, "DROP SUBSCRIPTION")
        raise FeatureNotSupported(
            NOT_CALLED,
            hint="Use ALTER SUBSCRIPTION ... SET (slot_name = NONE) to disassociate the "
            "subscription from the slot.",
        )
    context.ddl.remove(found.oid)
    return "DROP SUBSCRIPTION"


# Options


def _values(options: tuple[Option, ...], known: tuple[str, ...]) -> Values:
    """The options as values by name."""
    values: Values = {}
    for option in options:
        if option.name not in known:
            raise SqlSyntaxError(f'unrecognized subscription parameter: "{option.name}"')
        if option.name in values:
            raise SqlSyntaxError("conflicting or redundant options")
        values[option.name] = _READERS[option.name](option)
    return values


def _slot_name(option: Option) -> str | None:
    name = option_word(option)
    if name.lower() == "none":
        return None
    if not name:
        raise _invalid_slot(f'replication slot name "{name}" is too short')
    if not all(each.islower() or each.isdigit() or each == "_" for each in name):
        raise _invalid_slot(f'replication slot name "{name}" contains invalid character')
    return name


def _invalid_slot(message: str) -> SqlError:
    return BY_SQLSTATE["42602"](message)


def _commit_level(option: Option) -> str:
    word = option_word(option).lower()
    if word not in COMMIT_LEVELS and word not in COMMIT_WORDS:
        raise InvalidParameterValue(
            f'invalid value for parameter "synchronous_commit": "{word}"',
            hint="Available values: local, remote_write, remote_apply, on, off.",
        )
    return word


def _lsn(option: Option) -> int:
    word = option_word(option)
    if word.lower() == "none":
        return 0
    number = parse_lsn(word, -1, TextStyle())
    if not number:
        raise InvalidParameterValue(f"invalid WAL location (LSN): {word}")
    return number


_READERS: dict[str, Any] = {
    **dict.fromkeys(BOOLEANS, boolean_option),
    "slot_name": _slot_name,
    "synchronous_commit": _commit_level,
    "lsn": _lsn,
}


def _check_distinct(names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DuplicateObject(f'publication name "{name}" used more than once')


def _refuse_in_block(context: StatementContext, tag: str) -> None:
    if context.session.transaction.outlives_statement:
        raise ActiveSqlTransaction(f"{tag} cannot run inside a transaction block")


# Finding subscriptions


def _all(context: StatementContext) -> Iterable[Subscription]:
    return context.catalog.objects(Subscription)


def _find(context: StatementContext, name: str) -> Subscription | None:
    return next((each for each in _all(context) if each.name == name), None)


def subscription_called(context: StatementContext, name: str) -> Subscription:
    """A subscription by name; raises UndefinedObject."""
    found = _find(context, name)
    if found is None:
        raise UndefinedObject(f'subscription "{name}" does not exist')
    return found


def subscription_named(context: StatementContext, kind: str, name: ObjectName) -> Subscription:
    """The subscription that COMMENT or ALTER names."""
    return subscription_called(context, name.parts[-1])


def rename_subscription(context: StatementContext, name: str, new_name: str) -> None:
    """ALTER SUBSCRIPTION ... RENAME TO."""
    found = subscription_called(context, name)
    if _find(context, new_name) is not None:
        raise DuplicateObject(f'subscription "{new_name}" already exists')
    require_owner(context, found, "subscription")
    context.ddl.put(replace(found, name=new_name))


def check_subscription_owner(context: StatementContext, found: Subscription, owner: int) -> None:
    """What a subscription asks of a new owner."""
    role = context.catalog.object(owner)
    if not isinstance(role, Role) or not role.superuser:
        raise InsufficientPrivilege(
            f'permission denied to change owner of subscription "{found.name}"',
            hint="The owner of a subscription must be a superuser.",
        )


UTILITIES = (
    Utility(node=tree.CreateSubscription, run=create_subscription),
    Utility(node=tree.AlterSubscription, run=alter_subscription),
    Utility(node=tree.DropSubscription, run=drop_subscription),
)
