"""SET LOGGED and SET UNLOGGED of tables and sequences: what storage keeps through a crash, and what it empties then.

Which of them it is, is a mark of the storage; so a table is written anew, and a sequence goes on in another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Sequence, Table
from server.catalog.sequences import create_values
from server.errors import InvalidTableDefinition
from server.statements.rewrite import rewrite_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql import alter_commands
    from server.statements.statement import StatementContext


def set_logged(
    context: StatementContext, table: Table, command: alter_commands.SetLogged
) -> Iterator[Wait]:
    """SET LOGGED and UNLOGGED: owned sequences follow; foreign keys do not point to what is lost first."""
    if table.persistence == "t":
        raise InvalidTableDefinition(
            f'cannot change logged status of table "{table.name}" because it is temporary'
        )
    letter, word, other = ("p", "logged", "u") if command.logged else ("u", "unlogged", "p")
    if table.persistence == letter or table.kind == "p":
        return
    for linked in _linked(context, table, to_logged=command.logged):
        if linked.persistence == other and linked.oid != table.oid:
            held = "unlogged" if command.logged else "logged"
            raise InvalidTableDefinition(
                f'could not change table "{table.name}" to {word} because it references '
                f'{held} table "{linked.name}"'
            )
    yield from rewrite_table(context, replace(table, persistence=letter), {}, old=table)
    for sequence in context.catalog.sequences_of(table.oid):
        context.ddl.put(_with_persistence(context, sequence, letter))


def _linked(context: StatementContext, table: Table, *, to_logged: bool) -> Iterator[Table]:
    """The tables at the other end of foreign keys that a table's persistence has to do with."""
    if to_logged:
        own = context.catalog.constraints_of(table.oid)
        oids = [item.referenced_table for item in own if item.kind == "f"]
    else:
        oids = [item.table for item in context.catalog.references_to(table.oid)]
    for oid in oids:
        found = context.catalog.object(oid)
        if isinstance(found, Table):
            yield found


def set_sequence_logged(
    context: StatementContext, sequence: Sequence, command: alter_commands.SetLogged
) -> Sequence:
    """ALTER SEQUENCE ... SET LOGGED and UNLOGGED."""
    return _with_persistence(context, sequence, "p" if command.logged else "u")


def _with_persistence(context: StatementContext, sequence: Sequence, letter: str) -> Sequence:
    if sequence.persistence == letter:
        return sequence
    value, _, is_called = context.session.database.sequences.read(sequence)
    context.transaction.drop_relation(sequence.storage_id)
    changed = replace(sequence, storage_id=context.engine.next_id(), persistence=letter)
    create_values(context.transaction, changed, value, is_called=is_called)
    return changed
