"""ALTER TABLE and its kin of indexes and sequences: the few forms there are for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Index, Sequence
from server.errors import FeatureNotSupported, WrongObjectType
from server.sql import alter_commands
from server.statements import alter_marks as marks
from server.statements.alter_locks import ORDER, STRONGEST, WEAKEST
from server.statements.alter_logged import set_sequence_logged
from server.statements.names import role_oid
from server.statements.ownership import require_member
from server.statements.partitions import attach_index_partition
from server.statements.storage_parameters import INDEX_PARAMETERS, changed_parameters
from server.statements.tablespaces import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.statements.statement import StatementContext

OF_INDEXES = frozenset(
    (alter_commands.SetOptions, alter_commands.SetStatistics, alter_commands.AttachPartition)
)
"""What may be done to an index while queries use it."""


def alter_other(
    context: StatementContext, found: Sequence | Index, statement: alter_commands.AlterTable
) -> Iterator[Wait]:
    """Run the commands on an index or a sequence."""
    modes = [
        WEAKEST if type(command) in OF_INDEXES else STRONGEST for command in statement.commands
    ]
    mode = max(modes, key=ORDER.index)
    yield from context.lock_relation(found.oid, mode, found.name)
    for command in statement.commands:
        found = _changed(context, found, command)
        context.ddl.put(found)
        if isinstance(command, alter_commands.AttachPartition) and isinstance(found, Index):
            yield from attach_index_partition(context, found, command)


def _changed(context: StatementContext, found: Sequence | Index, command: Any) -> Sequence | Index:
    if isinstance(command, alter_commands.ChangeOwner):
        return _with_owner(context, found, role_oid(context, command.role))
    if isinstance(found, Sequence):
        if isinstance(command, alter_commands.SetLogged):
            return set_sequence_logged(context, found, command)
    elif isinstance(command, alter_commands.SetTablespace):
        return replace(found, tablespace=place(context, command.name))
    elif isinstance(command, alter_commands.SetOptions):
        known = INDEX_PARAMETERS.get(found.method, {})
        return replace(found, options=changed_parameters(command, known, found.options))
    elif isinstance(command, alter_commands.SetStatistics):
        return marks.set_index_statistics(context, found, command)
    elif isinstance(command, alter_commands.AttachPartition):
        return found
    raise WrongObjectType(f'"{found.name}" is not a table')


def _with_owner(context: StatementContext, found: Sequence | Index, owner: int) -> Sequence | Index:
    if isinstance(found, Index):
        if found.owner != owner:
            context.warn("42809", f'cannot change owner of index "{found.name}"')
        return found
    if found.owned_by is not None and owner != found.owner:
        table = context.catalog.object(found.owned_by[0])
        assert table is not None
        raise FeatureNotSupported(
            f'cannot change owner of sequence "{found.name}"',
            detail=f'Sequence "{found.name}" is linked to table "{table.name}".',
        )
    if owner != found.owner:
        require_member(context, owner)
    return replace(found, owner=owner)
