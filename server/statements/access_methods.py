"""What each index access method can do, and which operator classes its keys have.

Rule 1: btree, hash and gin indexes are kept and searched, and those gist indexes whose operator classes are known
        here. Of the others only the definition is kept: their conditions are answered from the table, so they cost
        nothing and change no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import ExtensionObject
from server.catalog.operator_class_objects import user_class
from server.catalog.views.physical import accepts, operator_class
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    UndefinedObject,
    WrongObjectType,
)
from server.inverted.access_methods import CLASSES, operator_class_of
from server.planner.standalone import is_relabelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.catalog.objects import Index, IndexKey, Table
    from server.executor.waits import Wait
    from server.sql.alter_commands import SetAccessMethod
    from server.sql.nodes import IndexElement
    from server.sql.utility_objects import CreateIndex
    from server.statements.statement import StatementContext


@dataclass(frozen=True, slots=True)
class AccessMethod:
    """What indexes of a method may be."""

    unique: bool = False
    ordered: bool = False
    multicolumn: bool = True
    includes: bool = False


TABLE_METHOD: Final = "heap"
METHODS: Final[Mapping[str, AccessMethod]] = {
    "btree": AccessMethod(unique=True, ordered=True, includes=True),
    "hash": AccessMethod(multicolumn=False),
    "gist": AccessMethod(includes=True),
    "gin": AccessMethod(),
    "spgist": AccessMethod(multicolumn=False, includes=True),
    "brin": AccessMethod(),
}


def require_table_method(name: str, *, is_partitioned: bool = False) -> None:
    """Raise SqlError unless tables may be made with an access method; there is one, heap."""
    if not name or (name == TABLE_METHOD and not is_partitioned):
        return
    if is_partitioned:
        raise FeatureNotSupported(
            "specifying a table access method is not supported on a partitioned table"
        )
    if name in METHODS:
        raise ObjectNotInPrerequisiteState(f'access method "{name}" is not of type TABLE')
    raise UndefinedObject(f'access method "{name}" does not exist')


def set_access_method(
    context: StatementContext, table: Table, command: SetAccessMethod
) -> Iterator[Wait]:
    """SET ACCESS METHOD: there is one that tables can have, which they have."""
    yield from ()
    if table.kind == "p":
        raise WrongObjectType("cannot change access method of a partitioned table")
    require_table_method(command.name)


def check_method(statement: CreateIndex) -> None:
    """Raise SqlError for what the access method of an index cannot be."""
    name = statement.access_method
    method = METHODS.get(name)
    if method is None:
        raise UndefinedObject(f'access method "{name}" does not exist')
    if statement.unique and not method.unique:
        raise FeatureNotSupported(f'access method "{name}" does not support unique indexes')
    if statement.include and not method.includes:
        raise FeatureNotSupported(f'access method "{name}" does not support included columns')
    if len(statement.elements) > 1 and not method.multicolumn:
        raise FeatureNotSupported(f'access method "{name}" does not support multicolumn indexes')
    if not method.ordered:
        _refuse_order(name, statement.elements)


def _refuse_order(name: str, elements: Sequence[IndexElement]) -> None:
    for element in elements:
        if element.args.get("descending") is not None and element.args.get("descending"):
            raise FeatureNotSupported(f'access method "{name}" does not support ASC/DESC options')
        if element.args.get("nulls_first") is not None:
            raise FeatureNotSupported(
                f'access method "{name}" does not support NULLS FIRST/LAST options'
            )


def check_classes(
    context: StatementContext, table: Table, method: str, keys: Sequence[IndexKey]
) -> None:
    """Raise UndefinedObject for a key whose type the access method has no operators for."""
    for key in keys:
        oid = table.column(key.number).type if key.number else key.type
        check_class(context, method, oid, key.operator_class)


def check_class(context: StatementContext, method: str, oid: int, name: str) -> None:
    """Raise UndefinedObject unless there is the class, or without a name one for the type."""
    if operator_class(context.catalog, method, oid, name):
        if not name:
            return
        own = user_class(context.catalog, method, name)
        fits = (
            accepts(context.catalog, method, oid, name.rpartition(".")[2])
            if own is None
            else is_relabelled(context.environment(), oid, own.type)
        )
        if not fits:
            shown = context.catalog.type(oid).sql_name
            raise DatatypeMismatch(f'operator class "{name}" does not accept data type {shown}')
        return
    if name:
        raise UndefinedObject(
            f'operator class "{name}" does not exist for access method "{method}"'
        )
    shown = context.catalog.type(oid).sql_name
    raise UndefinedObject(
        f'data type {shown} has no default operator class for access method "{method}"',
        hint="You must specify an operator class for the index or define a default operator "
        "class for the data type.",
    )


def with_entries(context: StatementContext, table: Table, index: Index) -> Index:
    """The index, marked as inverted if its method is and its operator classes are all known here."""
    if index.method not in CLASSES:
        return index
    types = [table.column(key.number).type if key.number else key.type for key in index.keys]
    view = context.catalog
    brought = {oid for value in view.objects(ExtensionObject) for oid in value.members}

    def is_own(key: IndexKey) -> bool:
        """Whether a user has made the class, of which nobody here knows what its keys are."""
        own = user_class(view, index.method, key.operator_class) if key.operator_class else None
        return own is not None and own.oid not in brought

    known = [
        None if is_own(key) else operator_class_of(index.method, view.type(oid), key.operator_class)
        for oid, key in zip(types, index.keys, strict=True)
    ]
    return replace(index, inverted=None not in known)
