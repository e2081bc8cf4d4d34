"""INHERITS and partitions: what a new table gets from its parents, and whether a table can have a parent.

Rule 1: columns of the parents come first, in the order of the parents; a column of the same name is the same
        column, whichever way it came.
Rule 2: NOT NULL and CHECK constraints of a parent hold for its children; keys of plain parents do not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from server.catalog.collations import collation_text
from server.catalog.objects import Column, Constraint, Table
from server.catalog.views.physical import physical
from server.catalog.visibility import type_text
from server.errors import (
    CollationMismatch,
    DatatypeMismatch,
    DuplicateObject,
    DuplicateTable,
    InsufficientPrivilege,
    InvalidColumnDefinition,
    InvalidObjectDefinition,
    WrongObjectType,
)
from server.statements.alter_locks import refuse_pending
from server.statements.names import is_of_others, refuse_system, relation_named

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.waits import Wait
    from server.sql.utility_statement import Name
    from server.statements.statement import StatementContext

STORAGE_WORDS: Final = {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}
COMPRESSION_WORDS: Final = {"p": "pglz", "l": "lz4"}

Inherited = TypeVar("Inherited", Column, Constraint)


def lock_parents(
    context: StatementContext, names: tuple[Name, ...], *, is_partition: bool, is_temporary: bool
) -> Generator[Wait, None, list[Table]]:
    """Find and lock the parents of a new table."""
    parents: list[Table] = []
    for name in names:
        found = relation_named(context, name)
        _refuse_parent(context, found, is_partition=is_partition, is_temporary=is_temporary)
        assert isinstance(found, Table)
        if any(parent.oid == found.oid for parent in parents):
            raise DuplicateTable(f'relation "{found.name}" would be inherited from more than once')
        mode = "access exclusive" if is_partition else "share update exclusive"
        yield from context.lock_relation(found.oid, mode, found.name)
        if is_partition:
            refuse_pending(context, (found,), "CREATE TABLE .. PARTITION OF")
        current = context.catalog.object(found.oid)
        assert isinstance(current, Table)
        parents.append(current)
    return parents


def _refuse_parent(
    context: StatementContext, found: object, *, is_partition: bool, is_temporary: bool
) -> None:
    name = getattr(found, "name", "")
    if not isinstance(found, Table) or found.kind not in "rpf":
        if is_partition:
            raise InvalidObjectDefinition(f'"{name}" is not partitioned')
        raise WrongObjectType(f'inherited relation "{name}" is not a table or foreign table')
    refuse_system(found)
    role = context.catalog.object(context.user_oid)
    if found.owner != context.user_oid and not getattr(role, "superuser", False):
        raise InsufficientPrivilege(f"must be owner of table {name}")
    if is_partition and found.kind != "p":
        raise InvalidObjectDefinition(f'"{name}" is not partitioned')
    if not is_partition and found.kind == "p":
        raise WrongObjectType(f'cannot inherit from partitioned table "{name}"')
    if not is_partition and found.is_partition:
        raise WrongObjectType(f'cannot inherit from partition "{name}"')
    if found.persistence == "t" and not is_temporary:
        raise WrongObjectType(
            f'cannot create a permanent relation as partition of temporary relation "{name}"'
            if is_partition
            else f'cannot inherit from temporary relation "{name}"'
        )
    if is_of_others(context, found):
        raise WrongObjectType(
            "cannot create as partition of temporary relation of another session"
            if is_partition
            else "cannot inherit from temporary relation of another session"
        )
    if is_partition and found.persistence != "t" and is_temporary:
        raise WrongObjectType(
            f'cannot create a temporary relation as partition of permanent relation "{name}"'
        )


class MergedColumns:
    """The columns that a new table gets from its parents."""

    def __init__(
        self, context: StatementContext, parents: list[Table], *, is_partition: bool
    ) -> None:
        self._context = context
        self._is_partition = is_partition
        self._conflicting: set[str] = set()
        self.columns: list[Column] = []
        for parent in parents:
            for column in parent.live_columns:
                self._add(column)

    def named(self, name: str) -> Column | None:
        """An inherited column."""
        return next((column for column in self.columns if column.name == name), None)

    def _add(self, column: Column) -> None:
        known = self.named(column.name)
        if known is None:
            own = replace(
                column,
                number=len(self.columns) + 1,
                inherited=1,
                local=False,
                identity="",
                missing=None,
                acl=None,
                comment=None,
                statistics_target=-1,
            )
            self.columns.append(own)
            return
        self._context.notice(
            "00000", f'merging multiple inherited definitions of column "{column.name}"'
        )
        refuse_type_conflict(self._context, f'inherited column "{column.name}"', known, column)
        known = self._with_storage(f'inherited column "{column.name}"', known, column)
        if known.generated != column.generated:
            raise DatatypeMismatch(f'inherited column "{column.name}" has a generation conflict')
        default = known.default
        if column.default is not None and known.default is not None:
            if column.default != known.default:
                self._conflicting.add(column.name)
        elif column.default is not None:
            default = column.default
        merged = replace(
            known,
            inherited=known.inherited + 1,
            not_null=known.not_null or column.not_null,
            default=default,
        )
        self.columns[known.number - 1] = merged

    def merge(self, own: Column, *, is_last_place: bool) -> Column:
        """Merge a column of the table's own with the inherited one of its name."""
        known = self.named(own.name)
        assert known is not None
        if not self._is_partition:
            self._tell(own.name, is_last_place=is_last_place)
            refuse_type_conflict(self._context, f'column "{own.name}"', known, own)
            asked = replace(own, storage=own.storage or known.storage)
            known = self._with_storage(f'column "{own.name}"', known, asked)
        default, generated = self._own_default(known, own)
        merged = replace(
            known,
            local=not self._is_partition,
            not_null=known.not_null or own.not_null,
            default=default,
            generated=generated,
            identity=own.identity,
            comment=own.comment,
        )
        if own.default is not None:
            self._conflicting.discard(own.name)
        self.columns[known.number - 1] = merged
        return merged

    def _tell(self, name: str, *, is_last_place: bool) -> None:
        if is_last_place:
            self._context.notice("00000", f'merging column "{name}" with inherited definition')
            return
        self._context.notice(
            "00000",
            f'moving and merging column "{name}" with inherited definition',
            "User-specified column moved to the position of the inherited column.",
        )

    def _with_storage(self, what: str, known: Column, other: Column) -> Column:
        """The known column with the compression of the other; raises if they are not stored alike."""
        kind = physical(self._context.catalog, known.type).storage
        stored = [each.storage or kind for each in (known, other)]
        if stored[0] != stored[1]:
            raise DatatypeMismatch(
                f"{what} has a storage parameter conflict",
                detail=" versus ".join(STORAGE_WORDS[each] for each in stored),
            )
        if known.compression and other.compression and known.compression != other.compression:
            words = (COMPRESSION_WORDS[each.compression] for each in (known, other))
            raise DatatypeMismatch(
                f'column "{known.name}" has a compression method conflict',
                detail=" versus ".join(words),
            )
        return replace(known, compression=known.compression or other.compression)

    def _own_default(self, known: Column, own: Column) -> tuple[str | None, str]:
        if known.generated and own.identity:
            raise InvalidColumnDefinition(
                f'column "{own.name}" inherits from generated column but specifies identity'
            )
        if known.generated and own.default is not None and not own.generated:
            raise InvalidColumnDefinition(
                f'column "{own.name}" inherits from generated column but specifies default'
            )
        if own.generated and not known.generated:
            return own.default, own.generated
        if own.generated:
            raise InvalidColumnDefinition(
                f'child column "{own.name}" specifies generation expression',
                hint="Omit the generation expression in the definition of the child table column "
                "to inherit the generation expression from the parent table.",
            )
        if own.default is not None or own.identity:
            return own.default, ""
        return known.default, known.generated

    def refuse_conflicts(self) -> None:
        """Raise if parents disagree on a default that the table does not say itself."""
        for name in self._conflicting:
            column = self.named(name)
            if column is not None and column.generated:
                raise InvalidColumnDefinition(
                    f'column "{name}" inherits conflicting generation expressions',
                    hint="To resolve the conflict, specify a generation expression explicitly.",
                )
            raise InvalidColumnDefinition(
                f'column "{name}" inherits conflicting default values',
                hint="To resolve the conflict, specify a default explicitly.",
            )


def refuse_type_conflict(
    context: StatementContext, what: str, known: Column, other: Column
) -> None:
    """Raise unless two definitions of a column agree on its type and collation."""
    if (known.type, known.modifier) != (other.type, other.modifier):
        raise DatatypeMismatch(
            f"{what} has a type conflict",
            detail=f"{_shown(context, known)} versus {_shown(context, other)}",
        )
    if known.collation != other.collation:
        raise CollationMismatch(
            f"{what} has a collation conflict",
            detail=f'"{collation_text(context.catalog, known.collation)}" versus '
            f'"{collation_text(context.catalog, other.collation)}"',
        )


def _shown(context: StatementContext, column: Column) -> str:
    return type_text(context.catalog, context.search_path(), column.type, column.modifier)


def inherited_checks(context: StatementContext, parents: list[Table]) -> list[Constraint]:
    """The CHECK constraints that parents hand down, those of one name merged."""
    found: dict[str, Constraint] = {}
    for parent in parents:
        for constraint in context.catalog.constraints_of(parent.oid):
            if constraint.kind != "c" or constraint.no_inherit:
                continue
            known = found.get(constraint.name)
            if known is None:
                found[constraint.name] = replace(constraint, inherited=1, local=False, comment=None)
            elif known.expression != constraint.expression:
                raise DuplicateObject(
                    f'check constraint name "{constraint.name}" appears multiple times but with '
                    "different expressions"
                )
            else:
                found[constraint.name] = replace(known, inherited=known.inherited + 1)
    return list(found.values())


def put_inherited_checks(
    context: StatementContext, table: Table, checks: list[Constraint], parents: list[Table]
) -> None:
    """Give a new table the constraints of its parents."""
    for check in checks:
        parent = context.catalog.object(check.table)
        assert isinstance(parent, Table)
        context.ddl.put(
            replace(
                check,
                oid=context.new_oid(),
                table=table.oid,
                schema=table.schema,
                columns=child_numbers(parent, table, check.columns),
            )
        )


def child_numbers(parent: Table, child: Table, numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Attribute numbers of a parent as those of the child's columns of the same names."""
    result = []
    for number in numbers:
        column = child.column_named(parent.column(number).name)
        assert column is not None, "a child has all columns of its parents"
        result.append(column.number)
    return tuple(result)


def merge_into_child(
    context: StatementContext, parent: Table, child: Table, *, is_partition: bool
) -> Table:
    """Make an existing table a child: its columns and constraints must be there already."""
    columns = list(child.columns)
    for column in parent.live_columns:
        own = child.column_named(column.name)
        if own is None:
            raise DatatypeMismatch(f'child table is missing column "{column.name}"')
        _refuse_difference(child, column, own)
        kept = columns[own.number - 1]
        columns[own.number - 1] = replace(
            kept, inherited=kept.inherited + 1, local=kept.local and not is_partition
        )
    _merge_checks(context, parent, child, is_partition=is_partition)
    return replace(child, columns=tuple(columns))


def _refuse_difference(child: Table, column: Column, own: Column) -> None:
    if (own.type, own.modifier) != (column.type, column.modifier):
        raise DatatypeMismatch(
            f'child table "{child.name}" has different type for column "{column.name}"'
        )
    if own.collation != column.collation:
        raise CollationMismatch(
            f'child table "{child.name}" has different collation for column "{column.name}"'
        )
    if column.not_null and not own.not_null:
        raise DatatypeMismatch(f'column "{column.name}" in child table must be marked NOT NULL')
    if column.generated and not own.generated:
        raise DatatypeMismatch(f'column "{column.name}" in child table must be a generated column')
    if own.generated and column.generated and own.default != column.default:
        raise DatatypeMismatch(
            f'column "{column.name}" in child table has a conflicting generation expression'
        )


def heir_of_others(context: StatementContext, table: Table, name: str) -> Table | None:
    """A table below one, at any depth, that has the column of that name from a parent that is not below it, too."""
    family = context.catalog.family_of(table)
    oids = {member.oid for member in family}
    for member in family[1:]:
        column = member.column_named(name)
        if column is not None and column.inherited > len(oids.intersection(member.parents)):
            return member
    return None


def _merge_checks(
    context: StatementContext, parent: Table, child: Table, *, is_partition: bool
) -> None:
    own = {
        item.name: item for item in context.catalog.constraints_of(child.oid) if item.kind == "c"
    }
    for check in context.catalog.constraints_of(parent.oid):
        if check.kind != "c" or check.no_inherit:
            continue
        found = own.get(check.name)
        if found is None:
            raise DatatypeMismatch(f'child table is missing constraint "{check.name}"')
        if found.expression != check.expression:
            raise DatatypeMismatch(
                f'child table "{child.name}" has different definition for check constraint '
                f'"{check.name}"'
            )
        if found.no_inherit:
            raise _wrong_state(
                f'constraint "{check.name}" conflicts with non-inherited constraint on child table '
                f'"{child.name}"'
            )
        if not found.validated and check.validated:
            raise _wrong_state(
                f'constraint "{check.name}" conflicts with NOT VALID constraint on child table '
                f'"{child.name}"'
            )
        context.ddl.put(
            replace(found, inherited=found.inherited + 1, local=found.local and not is_partition)
        )


def _wrong_state(message: str) -> Exception:
    from server.errors import InvalidObjectDefinition

    return InvalidObjectDefinition(message)


def leave_parent(context: StatementContext, parent: Table, child: Table) -> Table:
    """The child without the parent: what it inherited becomes its own."""
    names = {column.name for column in parent.live_columns}
    columns = tuple(
        _left(column) if column.name in names and not column.dropped else column
        for column in child.columns
    )
    inherited = {
        item.name
        for item in context.catalog.constraints_of(parent.oid)
        if item.kind == "c" and not item.no_inherit
    }
    for constraint in context.catalog.constraints_of(child.oid):
        if constraint.kind == "c" and constraint.name in inherited and constraint.inherited:
            context.ddl.put(_left(constraint))
    parents = tuple(oid for oid in child.parents if oid != parent.oid)
    return replace(child, columns=columns, parents=parents)


def _left(value: Inherited) -> Inherited:
    count = max(0, value.inherited - 1)
    return replace(value, inherited=count, local=value.local or not count)
