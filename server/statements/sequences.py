"""CREATE SEQUENCE and ALTER SEQUENCE; also the sequences behind serial and identity columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Index, Sequence, Table
from server.catalog.sequences import create_values
from server.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    WrongObjectType,
)
from server.planner.standalone import bind_type_name
from server.sql import utility_objects as tree
from server.statements.names import (
    claim_relation,
    column_number,
    find_relation,
    relation_named,
)
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence as SequenceOf

    from server.executor.waits import Wait
    from server.sql.utility_statement import Option

BOUNDS = {21: 2**15, 23: 2**31, 20: 2**63}


def make_sequence(  # noqa: PLR0913 - each is a fact of its own
    context: StatementContext,
    schema: int,
    name: str,
    options: SequenceOf[Any],
    type_oid: int = 20,
    *,
    owned_by: tuple[int, int] | None = None,
    owned_kind: str = "a",
    persistence: str = "p",
) -> Sequence:
    """Put a sequence and its storage in place."""
    sequence = Sequence(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        storage_id=context.engine.next_id(),
        type=type_oid,
        owned_by=owned_by,
        owned_kind=owned_kind,
        persistence=persistence,
    )
    sequence, _ = with_options(context, sequence, options, is_new=True)
    create_values(context.transaction, sequence)
    context.ddl.put(sequence)
    return sequence


def with_options(  # noqa: C901 - one case after the other
    context: StatementContext, sequence: Sequence, options: SequenceOf[Option], *, is_new: bool
) -> tuple[Sequence, int | None]:
    """The sequence after its options, and the value RESTART asks for."""
    given = _by_name(options)
    if "as" in given:
        reference = bind_type_name(context.environment(), given["as"], context.statement.offset)
        if reference.oid not in BOUNDS:
            raise InvalidParameterValue("sequence type must be smallint, integer, or bigint")
        if not is_new:
            given |= _of_new_type(sequence, given, BOUNDS[reference.oid])
        sequence = replace(sequence, type=reference.oid)
    increment = _integer(given.get("increment"), sequence.increment)
    if increment == 0:
        raise InvalidParameterValue("INCREMENT must not be zero")
    low, high = _limits(sequence, increment, given, is_new=is_new)
    if low >= high:
        raise InvalidParameterValue(f"MINVALUE ({low}) must be less than MAXVALUE ({high})")
    default_start = low if increment > 0 else high
    start = _integer(given.get("start"), default_start if is_new else sequence.start)
    if start < low:
        raise InvalidParameterValue(f"START value ({start}) cannot be less than MINVALUE ({low})")
    if start > high:
        raise InvalidParameterValue(
            f"START value ({start}) cannot be greater than MAXVALUE ({high})"
        )
    cache = _integer(given.get("cache"), sequence.cache)
    if cache < 1:
        raise InvalidParameterValue(f"CACHE ({cache}) must be greater than zero")
    restart = None
    if "restart" in given:
        restart = _integer(given["restart"], start)
        if not low <= restart <= high:
            word = "less than MINVALUE" if restart < low else "greater than MAXVALUE"
            limit = low if restart < low else high
            raise InvalidParameterValue(f"RESTART value ({restart}) cannot be {word} ({limit})")
    sequence = replace(
        sequence,
        increment=increment,
        minimum=low,
        maximum=high,
        start=start,
        cache=cache,
        cycle=bool(given.get("cycle", sequence.cycle)),
    )
    if "owned_by" in given:
        owner = _owner(context, sequence, given["owned_by"])
        sequence = replace(sequence, owned_by=owner, owned_kind="a")
    return sequence, restart


def _by_name(options: SequenceOf[Option]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for option in options:
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options")
        given[option.name] = option.value
    return given


def _integer(value: Any, default: int) -> int:
    return default if value is None or value is True else int(value)


def _limits(
    sequence: Sequence, increment: int, given: dict[str, Any], *, is_new: bool
) -> tuple[int, int]:
    if sequence.type not in BOUNDS:
        raise InvalidParameterValue(
            "identity column type must be smallint, integer, or bigint"
            if sequence.owned_kind == "i"
            else "sequence type must be smallint, integer, or bigint"
        )
    bound = BOUNDS[sequence.type]
    default_low = 1 if increment > 0 else -bound
    default_high = bound - 1 if increment > 0 else -1
    low = _limit(given, "minvalue", default_low, default_low if is_new else sequence.minimum)
    high = _limit(given, "maxvalue", default_high, default_high if is_new else sequence.maximum)
    type_name = {21: "smallint", 23: "integer", 20: "bigint"}[sequence.type]
    for word, value in (("MAXVALUE", high), ("MINVALUE", low)):
        if not -bound <= value < bound:
            raise InvalidParameterValue(
                f"{word} ({value}) is out of range for sequence data type {type_name}"
            )
    return low, high


def _of_new_type(sequence: Sequence, given: dict[str, Any], bound: int) -> dict[str, int]:
    """Limits that were those of the old type, and become those of the new one."""
    old = BOUNDS[sequence.type]
    limits = {}
    if sequence.maximum == old - 1 and given.get("maxvalue") is None:
        limits["maxvalue"] = bound - 1
    if sequence.minimum == -old and given.get("minvalue") is None:
        limits["minvalue"] = -bound
    return limits


def _limit(given: dict[str, Any], name: str, default: int, current: int) -> int:
    """NO MINVALUE gives the option without a value."""
    if name not in given:
        return current
    return default if given[name] is None else int(given[name])


def _owner(context: StatementContext, sequence: Sequence, value: Any) -> tuple[int, int] | None:
    """The column of OWNED BY; raises where the sequence cannot be its own."""
    parts = value if isinstance(value, tuple) else (value,)
    if sequence.owned_by is not None and sequence.owned_kind == "i":
        linked = context.catalog.object(sequence.owned_by[0])
        assert linked is not None
        raise FeatureNotSupported(
            "cannot change ownership of identity sequence",
            detail=f'Sequence "{sequence.name}" is linked to table "{linked.name}".',
        )
    if parts == ("none",):
        return None
    if len(parts) < 2:
        raise SqlSyntaxError(
            "invalid OWNED BY option", hint="Specify OWNED BY table.column or OWNED BY NONE."
        )
    table = relation_named(context, tuple(parts[:-1]))
    if not isinstance(table, Table):
        word = "indexes" if isinstance(table, Index) else "sequences"
        raise WrongObjectType(
            f'sequence cannot be owned by relation "{table.name}"',
            detail=f"This operation is not supported for {word}.",
        )
    if table.owner != sequence.owner:
        raise ObjectNotInPrerequisiteState("sequence must have same owner as table it is linked to")
    if table.schema != sequence.schema:
        raise ObjectNotInPrerequisiteState(
            "sequence must be in same schema as table it is linked to"
        )
    return table.oid, column_number(table, parts[-1])


def retype_identity(context: StatementContext, table: Table, column: Column) -> Iterator[Wait]:
    """The sequence behind an identity column follows the type of the column."""
    bound = BOUNDS[column.type]
    for sequence in context.catalog.sequences_of(table.oid):
        if sequence.owned_by == (table.oid, column.number):
            yield from context.lock_relation(sequence.oid, "share row exclusive", sequence.name)
            limits = _of_new_type(sequence, {}, bound)
            changed = replace(
                sequence,
                type=column.type,
                maximum=limits.get("maxvalue", sequence.maximum),
                minimum=limits.get("minvalue", sequence.minimum),
            )
            context.ddl.put(changed)


def create_sequence(context: StatementContext, statement: tree.CreateSequence) -> Run:
    """CREATE SEQUENCE."""
    claimed = yield from claim_relation(context, statement)
    if claimed is None:
        return "CREATE SEQUENCE"
    schema, name = claimed
    letter = "t" if schema == context.session.temporary_schema else "p"
    if statement.persistence == "unlogged":
        letter = "u"
    make_sequence(context, schema, name, statement.options, persistence=letter)
    return "CREATE SEQUENCE"


def alter_sequence(context: StatementContext, statement: tree.AlterSequence) -> Run:
    """ALTER SEQUENCE."""
    found = find_relation(context, statement.relation, statement.offset)
    if found is None and statement.if_exists:
        context.notice("00000", f'relation "{statement.relation[-1]}" does not exist, skipping')
        return "ALTER SEQUENCE"
    found = relation_named(context, statement.relation, statement.offset)
    if not isinstance(found, Sequence):
        raise WrongObjectType(f'"{found.name}" is not a sequence')
    require_owner(context, found)
    yield from change_sequence(context, found, statement.options)
    return "ALTER SEQUENCE"


def change_sequence(
    context: StatementContext, sequence: Sequence, options: SequenceOf[Option]
) -> Iterator[Wait]:
    """Apply options to a sequence; its value goes over to a new storage, so that a rollback undoes RESTART."""
    yield from context.lock_relation(sequence.oid, "share row exclusive", sequence.name)
    changed, restart = with_options(context, sequence, options, is_new=False)
    if restart is None:
        changed = replace(changed, storage_id=sequence.storage_id)
    else:
        changed = restarted(context, changed, restart)
    context.ddl.put(changed)


def restarted(context: StatementContext, sequence: Sequence, value: int) -> Sequence:
    """The sequence on a new storage that starts at a value."""
    context.transaction.drop_relation(sequence.storage_id)
    changed = replace(sequence, storage_id=context.engine.next_id())
    create_values(context.transaction, changed, value)
    return changed


UTILITIES = (
    Utility(node=tree.CreateSequence, run=create_sequence),
    Utility(node=tree.AlterSequence, run=alter_sequence),
)
