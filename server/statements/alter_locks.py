"""The locks of ALTER TABLE: each command has a mode, and the statement takes the strongest of its commands' at once.

A command without a mode here takes ACCESS EXCLUSIVE, as most do. ATTACH PARTITION lets others read and write the
parent: who writes rows has locks on the partitions they may go to, and the default partition is locked for as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import ObjectInUse
from server.executor.triggers import FireAfter
from server.sql import alter_commands
from server.sql import constraints as written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.objects import Table
    from server.statements.statement import StatementContext

WEAKEST = "share update exclusive"
MIDDLE = "share row exclusive"
STRONGEST = "access exclusive"
ORDER = (WEAKEST, MIDDLE, STRONGEST)
MODES = {
    alter_commands.SetStatistics: WEAKEST,
    alter_commands.SetColumnOptions: WEAKEST,
    alter_commands.ClusterOn: WEAKEST,
    alter_commands.SetOptions: WEAKEST,
    alter_commands.ValidateConstraint: WEAKEST,
    alter_commands.AttachPartition: WEAKEST,
    alter_commands.SetTrigger: MIDDLE,
}

STRONG_OPTIONS = frozenset(("user_catalog_table",))


def lock_mode(table: Table, commands: Iterable[Any]) -> str:
    """The mode that a statement of these commands locks its table in."""
    modes = (_mode(table, command) for command in commands)
    return max(modes, key=ORDER.index, default=STRONGEST)


def _mode(table: Table, command: Any) -> str:
    if isinstance(command, alter_commands.SetOptions) and not STRONG_OPTIONS.isdisjoint(
        _names(command)
    ):
        return STRONGEST
    if table.kind == "v":
        return STRONGEST
    if isinstance(command, alter_commands.DetachPartition) and (
        command.concurrently or command.finalize
    ):
        return WEAKEST
    if isinstance(command, alter_commands.AddConstraint):
        return MIDDLE if isinstance(command.constraint, written.ForeignKey) else STRONGEST
    return MODES.get(type(command), STRONGEST)


def _names(command: alter_commands.SetOptions) -> set[str]:
    return {option.name for option in command.options}


def refuse_pending(context: StatementContext, tables: Iterable[Any], tag: str) -> None:
    """Refuse to alter tables that statements further out are about, or whose rows have checks that wait."""
    firing = context.session.firing
    used = {access.relation for accesses in firing for access in accesses}
    awaited = {_table_of(item.check) for item in context.session.transaction.running.deferred}
    for table in tables:
        if table.oid in used:
            raise ObjectInUse(
                f'cannot {tag} "{table.name}" because it is being used by active queries in this session'
            )
        if table.oid in awaited:
            raise ObjectInUse(f'cannot {tag} "{table.name}" because it has pending trigger events')


def _table_of(check: Any) -> int:
    """The table whose rows a check that waits is about."""
    table = check.firings[0].table if isinstance(check, FireAfter) else check.shape.table
    return int(table.oid)
