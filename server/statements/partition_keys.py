"""PARTITION BY and FOR VALUES as written, to what the catalog keeps of them.

Rule 1: the values of a bound are computed once, when the partition is made, and kept as text of the key's
        types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import PartitionBound, PartitionKey, PartitionKeyPart, Table
from server.catalog.operator_class_objects import user_class
from server.catalog.partition_bounds import STYLE, PartitionMap, partition_map
from server.catalog.partition_hash import is_hashable
from server.catalog.partition_text import bound_text, part_text
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedObject,
)
from server.planner.partition_values import bind_key_expression, bound_value
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.stored_text import stored_expression
from server.sql.nodes import ColumnReference
from server.statements.access_methods import check_class
from server.statements.collations import collation_for
from server.statements.operator_classes import is_standard

if TYPE_CHECKING:
    from sqlglot import exp

    from server.sql import utility_tables as tree
    from server.statements.statement import StatementContext

KEYS_MAX = 32
WORDS = ("minvalue", "maxvalue")
Datum = tuple[str, str]


def partition_key(
    context: StatementContext, table: Table, written: tree.PartitionKey
) -> PartitionKey:
    """PARTITION BY of a table whose columns are known."""
    if written.strategy == "list" and len(written.elements) > 1:
        raise InvalidObjectDefinition(
            'cannot use "list" partition strategy with more than one column'
        )
    if len(written.elements) > KEYS_MAX:
        from server.errors import ProgramLimitExceeded

        raise ProgramLimitExceeded(f"cannot partition using more than {KEYS_MAX} columns")
    parts = tuple(
        _key_part(context, table, element, written.strategy, number)
        for number, element in enumerate(written.elements, 1)
    )
    return PartitionKey(strategy=written.strategy, parts=parts)


def _column_in_parentheses(table: Table, element: tree.PartitionElement) -> str:
    """The name of a column that is written as an expression."""
    assert element.expression is not None
    written = element.expression.tree
    if not isinstance(written, ColumnReference) or len(written.args["parts"]) != 1:
        return ""
    (name,) = written.args["parts"]
    return name if table.column_named(name) is not None else ""


def _key_part(
    context: StatementContext,
    table: Table,
    element: tree.PartitionElement,
    strategy: str,
    position: int,
) -> PartitionKeyPart:
    operator_class = ".".join(element.operator_class)
    where = context.position(element.offset)
    name = element.column or _column_in_parentheses(table, element)
    if name:
        column = table.column_named(name)
        if column is None:
            _refuse_name(name, where)
        assert column is not None
        if column.generated:
            raise InvalidObjectDefinition(
                "cannot use generated column in partition key",
                detail=f'Column "{column.name}" is a generated column.',
                position=where,
            )
        part = PartitionKeyPart(
            number=column.number,
            type=column.type,
            collation=collation_for(context, element.collation, column.type) or column.collation,
            operator_class=operator_class,
        )
    else:
        assert element.expression is not None
        bound = bind_key_expression(
            context.environment(), table, element.expression.tree, context.statement.offset
        )
        if bound.type.type.kind == "p":
            raise InvalidTableDefinition(
                f"partition key column {position} has pseudo-type {bound.type.type.sql_name}"
            )
        part = PartitionKeyPart(
            number=0,
            type=bound.type.oid,
            expression=stored_expression(context.environment(), element.expression.tree, table),
            collation=collation_for(context, element.collation, bound.type.oid)
            or bound.type.collation,
            operator_class=operator_class,
        )
    if operator_class:
        _check_class(context, part, strategy)
    else:
        _refuse_type(context, part, strategy)
    return part


def _check_class(context: StatementContext, part: PartitionKeyPart, strategy: str) -> None:
    """Raise for an operator class that there is not, or that orders otherwise than the type does."""
    method = "hash" if strategy == "hash" else "btree"
    check_class(context, method, part.type, part.operator_class)
    own = user_class(context.catalog, method, part.operator_class)
    if own is not None and method == "btree" and not is_standard(context, own):
        raise FeatureNotSupported(
            "partitioning by an operator class of another order is not supported"
        )


def _refuse_name(name: str, where: int) -> None:
    if name in SYSTEM_COLUMNS:
        raise InvalidObjectDefinition(
            f'cannot use system column "{name}" in partition key', position=where
        )
    raise UndefinedColumn(f'column "{name}" named in partition key does not exist', position=where)


def _refuse_type(context: StatementContext, part: PartitionKeyPart, strategy: str) -> None:
    kind = context.catalog.type(part.type)
    method = "hash" if strategy == "hash" else "btree"
    if kind.name in ("point", "box", "json", "xml", "polygon", "path", "line", "lseg", "circle"):
        raise UndefinedObject(
            f'data type {kind.sql_name} has no default operator class for access method "{method}"',
            hint=f"You must specify a {method} operator class or define a default {method} "
            "operator class for the data type.",
        )
    if strategy == "hash" and not is_hashable(kind):
        raise FeatureNotSupported(f"hash partitioning by type {kind.sql_name} is not supported")


def refuse_rows_as_key(table: Table) -> None:
    """Raise before columns come or go that are in the bounds of partitions: these are kept as texts of whole rows."""
    key = table.partition_key
    if key is not None and any(part.type == table.row_type for part in key.parts):
        raise FeatureNotSupported(
            f'columns of "{table.name}", which is partitioned by its own rows, cannot change'
        )


def partition_bound(
    context: StatementContext, parent: Table, name: str, written: tree.PartitionBound
) -> PartitionBound:
    """FOR VALUES of a new partition; raises if it is no bound for this parent."""
    key = parent.partition_key
    assert key is not None
    where = context.position(written.offset)
    if written.is_default:
        if key.strategy == "hash":
            raise InvalidTableDefinition(
                "a hash-partitioned table may not have a default partition"
            )
        bound = PartitionBound(strategy=key.strategy, is_default=True)
    else:
        if written.strategy != key.strategy:
            raise InvalidTableDefinition(
                f"invalid bound specification for a {key.strategy} partition", position=where
            )
        maker = {"hash": _hash_bound, "list": _list_bound, "range": _range_bound}[key.strategy]
        bound = maker(context, parent, written)
    _refuse_conflict(context, parent, name, bound, where)
    return bound


def _hash_bound(
    context: StatementContext, parent: Table, written: tree.PartitionBound
) -> PartitionBound:
    if written.modulus <= 0:
        raise InvalidTableDefinition(
            "modulus for hash partition must be an integer value greater than zero"
        )
    if written.remainder < 0:
        raise InvalidTableDefinition(
            "remainder for hash partition must be an integer value greater than or equal to zero"
        )
    if written.remainder >= written.modulus:
        raise InvalidTableDefinition("remainder for hash partition must be less than modulus")
    return PartitionBound(strategy="hash", modulus=written.modulus, remainder=written.remainder)


def _list_bound(
    context: StatementContext, parent: Table, written: tree.PartitionBound
) -> PartitionBound:
    values: dict[str | None, None] = {}
    for each in written.values:
        values[_value(context, parent, 0, each)] = None
    return PartitionBound(strategy="list", values=tuple(values))


def _range_bound(
    context: StatementContext, parent: Table, written: tree.PartitionBound
) -> PartitionBound:
    assert parent.partition_key is not None
    count = len(parent.partition_key.parts)
    for side, word in ((written.lower, "FROM"), (written.upper, "TO")):
        if len(side) != count:
            raise InvalidTableDefinition(
                f"{word} must specify exactly one value per partitioning column"
            )
    return PartitionBound(
        strategy="range",
        lower=_range_side(context, parent, written.lower, written.offset),
        upper=_range_side(context, parent, written.upper, written.offset),
    )


def _range_side(
    context: StatementContext, parent: Table, side: tuple[exp.Expression | str, ...], offset: int
) -> tuple[Datum, ...]:
    result: list[Datum] = []
    for position, each in enumerate(side):
        if isinstance(each, str):
            datum = (each, "")
        else:
            text = _value(context, parent, position, each)
            if text is None:
                raise InvalidObjectDefinition("cannot specify NULL in range bound")
            datum = ("value", text)
        if result and result[-1][0] in WORDS and datum[0] != result[-1][0]:
            word = result[-1][0].upper()
            where = offset if isinstance(each, str) else each.meta_get("offset", -1)
            raise DatatypeMismatch(
                f"every bound following {word} must also be {word}",
                position=context.position(where),
            )
        result.append(datum)
    return tuple(result)


def _value(
    context: StatementContext, parent: Table, position: int, written: exp.Expression
) -> str | None:
    key = parent.partition_key
    assert key is not None
    part = key.parts[position]
    modifier = parent.column(part.number).modifier if part.number else -1
    value = bound_value(
        context.environment(),
        (part.type, modifier, part_text(parent, part)),
        written,
        context.statement.offset,
        context.execution(),
    )
    return None if value is None else context.catalog.type(part.type).format(value, STYLE)


def _refuse_conflict(
    context: StatementContext, parent: Table, name: str, bound: PartitionBound, where: int
) -> None:
    found = PartitionMap(context.catalog, parent)
    if bound.is_default:
        if found.default is not None:
            other = found.partitions[found.default].name
            raise InvalidObjectDefinition(
                f'partition "{name}" conflicts with existing default partition "{other}"',
                position=where,
            )
        return
    if bound.strategy == "hash":
        _refuse_modulus(found, bound, where)
    if bound.strategy == "range" and found.datums(bound.lower) >= found.datums(bound.upper):
        text = bound_text(context.catalog, parent, bound)
        lower, _, upper = text.removeprefix("FOR VALUES FROM ").partition(" TO ")
        raise InvalidObjectDefinition(
            f'empty range bound specified for partition "{name}"',
            detail=f"Specified lower bound {lower} is greater than or equal to upper bound {upper}.",
            position=where,
        )
    overlap = found.overlapping(bound)
    if overlap is not None:
        raise InvalidObjectDefinition(
            f'partition "{name}" would overlap partition "{overlap.name}"', position=where
        )


def _refuse_modulus(found: PartitionMap, bound: PartitionBound, where: int) -> None:
    """Each modulus divides the next larger one."""
    smaller = larger = None
    for partition, (modulus, _) in zip(found.partitions, found.hashes, strict=True):
        if modulus <= bound.modulus:
            smaller = (modulus, partition.name)
        elif larger is None:
            larger = (modulus, partition.name)
    message = "every hash partition modulus must be a factor of the next larger modulus"
    if smaller is not None and bound.modulus % smaller[0]:
        raise InvalidObjectDefinition(
            message,
            detail=f"The new modulus {bound.modulus} is not divisible by {smaller[0]}, the modulus "
            f'of existing partition "{smaller[1]}".',
            position=where,
        )
    if larger is not None and larger[0] % bound.modulus:
        raise InvalidObjectDefinition(
            message,
            detail=f"The new modulus {bound.modulus} is not a factor of {larger[0]}, the modulus "
            f'of existing partition "{larger[1]}".',
            position=where,
        )


def default_partition(context: StatementContext, parent: Table) -> Table | None:
    """The default partition of a table."""
    found = partition_map(context.catalog, parent)
    return None if found.default is None else found.partitions[found.default]
