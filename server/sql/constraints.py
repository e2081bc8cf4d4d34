"""Constraints of tables, columns and domains, as written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from server.errors import FeatureNotSupported, SqlSyntaxError
from server.sql import nodes
from server.sql.changes import index_element
from server.sql.context import Context, names, relation_parts
from server.sql.grammar import Node, tree
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    optional_expression,
    options,
    source_expression,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """The parent of all constraints; a name not written is empty."""

    name: str = ""
    deferrable: bool = False
    initially_deferred: bool = False
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNull(Constraint):
    """NOT NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nullable(Constraint):
    """NULL, which only contradicts NOT NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultValue(Constraint):
    """DEFAULT of a column."""

    expression: SourceExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Constraint):
    """GENERATED ALWAYS or BY DEFAULT AS IDENTITY."""

    always: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated(Constraint):
    """GENERATED ALWAYS AS (...) STORED."""

    expression: SourceExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Constraint):
    """CHECK."""

    expression: SourceExpression
    no_inherit: bool = False
    validated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique(Constraint):
    """UNIQUE or PRIMARY KEY; `using_index` names an existing index to take over.

    only: of the table that is named, not of its partitions.
    """

    primary: bool
    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: tuple[Option, ...] = ()
    tablespace: str = ""
    using_index: str = ""
    only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion(Constraint):
    """EXCLUDE; each element is compared with the operator at the same place."""

    access_method: str
    elements: tuple[nodes.IndexElement, ...]
    operators: tuple[Name, ...]
    include: tuple[str, ...] = ()
    where: SourceExpression | None = None
    options: tuple[Option, ...] = ()
    tablespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey(Constraint):
    """REFERENCES or FOREIGN KEY.

    `match` is `simple full partial`, actions are `no_action restrict cascade set_null set_default`.
    """

    referenced: Name
    columns: tuple[str, ...] = ()
    referenced_columns: tuple[str, ...] = ()
    match: str = "simple"
    on_update: str = "no_action"
    on_delete: str = "no_action"
    on_delete_columns: tuple[str, ...] = ()
    validated: bool = True


def not_null(context: Context, message: tree.Constraint) -> Constraint:
    """Convert NOT NULL; as a constraint of a table it came after PostgreSQL 15."""
    if message.keys or message.is_no_inherit or message.skip_validation:
        raise FeatureNotSupported(
            "NOT NULL constraints of tables are not supported",
            position=context.position(message.location),
        )
    return NotNull()


def default_value(context: Context, message: tree.Constraint) -> Constraint:
    """Convert DEFAULT."""
    return DefaultValue(expression=source_expression(context, message.raw_expr))


def identity(context: Context, message: tree.Constraint) -> Constraint:
    """Convert an identity column's constraint."""
    return Identity(always=message.generated_when == "a", options=options(context, message.options))


def generated(context: Context, message: tree.Constraint) -> Constraint:
    """Convert a generated column's constraint; only stored ones exist in PostgreSQL 15."""
    if message.generated_kind == "v":
        raise FeatureNotSupported(
            "virtual generated columns are not supported",
            position=context.position(message.location),
        )
    return Generated(expression=source_expression(context, message.raw_expr))


def check(context: Context, message: tree.Constraint) -> Constraint:
    """Convert CHECK."""
    return Check(
        expression=source_expression(context, message.raw_expr),
        no_inherit=message.is_no_inherit,
        validated=not message.skip_validation,
    )


def unique(context: Context, message: tree.Constraint) -> Constraint:
    """Convert UNIQUE and PRIMARY KEY."""
    if message.without_overlaps:
        raise FeatureNotSupported(
            "WITHOUT OVERLAPS is not supported", position=context.position(message.location)
        )
    return Unique(
        primary=message.contype == tree.CONSTR_PRIMARY,
        columns=names(message.keys),
        include=names(message.including),
        nulls_not_distinct=message.nulls_not_distinct,
        options=options(context, message.options),
        tablespace=message.indexspace,
        using_index=message.indexname,
    )


def exclusion(context: Context, message: tree.Constraint) -> Constraint:
    """Convert EXCLUDE; its elements are pairs of index element and operator."""
    pairs = [pair.list.items for pair in message.exclusions]
    return Exclusion(
        access_method=message.access_method or "btree",
        elements=tuple(index_element(context, pair[0].index_elem) for pair in pairs),
        operators=tuple(names(pair[1].list.items) for pair in pairs),
        include=names(message.including),
        where=optional_expression(context, message.where_clause),
        options=options(context, message.options),
        tablespace=message.indexspace,
    )


FOREIGN_KEY_ACTIONS: Final = {
    "": "no_action",
    "a": "no_action",
    "r": "restrict",
    "c": "cascade",
    "n": "set_null",
    "d": "set_default",
}
FOREIGN_KEY_MATCHES: Final = {"": "simple", "s": "simple", "f": "full", "p": "partial"}


def foreign_key(context: Context, message: tree.Constraint) -> Constraint:
    """Convert a foreign key."""
    if message.fk_with_period or message.pk_with_period:
        raise FeatureNotSupported(
            "PERIOD is not supported", position=context.position(message.location)
        )
    return ForeignKey(
        referenced=relation_parts(message.pktable),
        columns=names(message.fk_attrs),
        referenced_columns=names(message.pk_attrs),
        match=FOREIGN_KEY_MATCHES[message.fk_matchtype],
        on_update=FOREIGN_KEY_ACTIONS[message.fk_upd_action],
        on_delete=FOREIGN_KEY_ACTIONS[message.fk_del_action],
        on_delete_columns=names(message.fk_del_set_cols),
        validated=not message.skip_validation,
    )


CONSTRAINTS: Final[dict[int, Callable[[Context, Any], Constraint]]] = {
    tree.CONSTR_NULL: lambda _context, _message: Nullable(),
    tree.CONSTR_NOTNULL: not_null,
    tree.CONSTR_DEFAULT: default_value,
    tree.CONSTR_IDENTITY: identity,
    tree.CONSTR_GENERATED: generated,
    tree.CONSTR_CHECK: check,
    tree.CONSTR_PRIMARY: unique,
    tree.CONSTR_UNIQUE: unique,
    tree.CONSTR_EXCLUSION: exclusion,
    tree.CONSTR_FOREIGN: foreign_key,
}


def constraint(context: Context, message: tree.Constraint) -> Constraint:
    """Convert one constraint."""
    converter = CONSTRAINTS.get(message.contype)
    enforceable = message.contype in {tree.CONSTR_CHECK, tree.CONSTR_FOREIGN}
    if converter is None or (enforceable and not message.is_enforced):
        raise FeatureNotSupported(
            "this constraint is not supported", position=context.position(message.location)
        )
    return replace(
        converter(context, message),
        name=message.conname,
        deferrable=message.deferrable,
        initially_deferred=message.initdeferred,
        offset=context.source_offset(message.location),
    )


# What a column says about the constraint before it: changes of fields, and the words for errors.
ATTRIBUTES: Final[dict[int, tuple[dict[str, Any], str]]] = {
    tree.CONSTR_ATTR_DEFERRABLE: ({"deferrable": True}, "DEFERRABLE"),
    tree.CONSTR_ATTR_NOT_DEFERRABLE: ({"deferrable": False}, "NOT DEFERRABLE"),
    tree.CONSTR_ATTR_DEFERRED: (
        {"deferrable": True, "initially_deferred": True},
        "INITIALLY DEFERRED",
    ),
    tree.CONSTR_ATTR_IMMEDIATE: ({"initially_deferred": False}, "INITIALLY IMMEDIATE"),
}


def column_constraints(context: Context, items: Iterable[Node]) -> tuple[Constraint, ...]:
    """Convert the constraints of a column; attributes belong to the constraint before them."""
    result: list[Constraint] = []
    for item in items:
        message = item.constraint
        if message.contype not in ATTRIBUTES:
            result.append(constraint(context, message))
            continue
        change, words = ATTRIBUTES[message.contype]
        if not result or not isinstance(result[-1], Unique | Exclusion | ForeignKey):
            raise SqlSyntaxError(
                f"misplaced {words} clause", position=context.position(message.location)
            )
        result[-1] = replace(result[-1], **change)
    return tuple(result)
