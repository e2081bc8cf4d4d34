"""Assignment: values and rows to variables, as PostgreSQL converts them.

Rule 1: a row goes to a row field by field: what is missing is NULL, what is too much is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import DatatypeMismatch, NullValueNotAllowed
from server.oids import RECORD, UNKNOWN
from server.planner.type_facts import row_columns, type_name
from server.plpgsql.embedded import converted, is_kept, value_of
from server.plpgsql.extra_checks import other_count
from server.plpgsql.frame import empty_record, no_field, not_assigned
from server.plpgsql.parts import part_value
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.plpgsql.frame import Frame
    from server.plpgsql.tree import Source, Target
    from server.types.type import TypeReference


def assign(frame: Frame, target: Target, source: Source) -> None:
    """Target := expression."""
    kind = frame.types[target.slot]
    if target.part is None and kind is not None and kind.type.kind != "c":
        value, _ = value_of(frame, source, kind)
        set_variable(frame, target.slot, value)
        return
    value, given = value_of(frame, source, keep_unknown=target.part is not None)
    store(frame, target, value, given)


def takes_values(frame: Frame, target: Target) -> bool:
    """Whether any value of its expression may be put where the variable is, as it is."""
    kind = frame.types[target.slot]
    is_scalar = target.part is None and kind is not None and kind.type.kind != "c"
    return is_scalar and not frame.tree.variables[target.slot].is_not_null


def store(frame: Frame, target: Target, value: Any, given: TypeReference) -> None:
    """Assign a value of a type."""
    slot = target.slot
    kind = frame.types[slot]
    if target.part is not None:
        _store_part(frame, target, value, given)
    elif kind is None:
        _store_record(frame, slot, value, given)
    elif kind.type.kind == "c":
        set_variable(frame, slot, _as_composite(frame, value, given, kind))
    elif value is None and kind.type.kind != "d":
        set_variable(frame, slot, None)
    else:
        set_variable(frame, slot, converted(frame, value, given, kind))


def set_variable(frame: Frame, slot: int, value: Any) -> None:
    """Give a variable a value of its type; 22004 for a NULL that it does not take."""
    if value is None and frame.tree.variables[slot].is_not_null:
        name = frame.tree.variables[slot].name
        raise NullValueNotAllowed(
            f'null value cannot be assigned to variable "{name}" declared NOT NULL'
        )
    frame.values[slot] = value


def _store_record(frame: Frame, slot: int, value: Any, given: TypeReference) -> None:
    if isinstance(value, Record):
        frame.values[slot] = value
        return
    if given.type.kind not in "cp" and value is not None:
        raise DatatypeMismatch("cannot assign non-composite value to a record variable")
    old = frame.values[slot]
    if given.type.kind == "c":
        context = frame.binding()
        columns = row_columns(context, given.oid)
        names = tuple(name for name, _, _ in columns)
        kinds = tuple(context.type(oid, modifier) for _, oid, modifier in columns)
        frame.values[slot] = empty_record(names, tuple(each.type for each in kinds))
    elif old is not None:
        frame.values[slot] = empty_record(old.names, old.types)


def _as_composite(frame: Frame, value: Any, given: TypeReference, kind: TypeReference) -> Any:
    if value is None or given.oid == kind.oid:
        return value
    if not isinstance(value, Record):
        if given.type.kind == "c" or given.type.category == "S" or given.oid == UNKNOWN:
            return converted(frame, value, given, kind)
        raise DatatypeMismatch("cannot assign non-composite value to a row variable")
    context = frame.binding()
    kinds = [context.type(each.oid) for each in value.types]
    return row_as(frame, value, kinds, kind)


def row_as(
    frame: Frame, row: Sequence[Any], given: Sequence[TypeReference], kind: TypeReference
) -> Record:
    """A row as a value of a composite type, field by field."""
    context = frame.binding()
    columns = row_columns(context, kind.oid)
    fields = []
    for number, (_, oid, modifier) in enumerate(columns):
        wanted = context.type(oid, modifier)
        value = row[number] if number < len(row) else None
        fields.append(None if value is None else converted(frame, value, given[number], wanted))
    kinds = tuple(context.type(oid).type for _, oid, _ in columns)
    return Record.of(fields, kinds, tuple(name for name, _, _ in columns))


def _store_part(frame: Frame, target: Target, value: Any, given: TypeReference) -> None:
    slot = target.slot
    assert target.part is not None
    if frame.types[slot] is not None:
        changed = part_value(frame, slot, target.part, value, given)
        set_variable(frame, slot, changed)
        return
    record = frame.values[slot]
    name = frame.tree.variables[slot].name
    if record is None:
        raise not_assigned(name)
    if target.fields[0] not in record.names:
        raise no_field(name, target.fields[0])
    number = record.names.index(target.fields[0])
    changed = part_value(frame, slot, target.part, value, given)
    fields = [*record[:number], changed, *record[number + 1 :]]
    frame.values[slot] = Record.of(fields, record.types, record.names)


def assign_row(
    frame: Frame,
    targets: tuple[Target, ...],
    row: Sequence[Any] | None,
    names: Sequence[str],
    types: Sequence[TypeReference],
) -> None:
    """Assign a row of a query; None is no row, which makes all NULL."""
    if len(targets) == 1 and targets[0].part is None:
        kind = frame.types[targets[0].slot]
        if kind is None or kind.type.kind == "c":
            _assign_whole(frame, targets[0].slot, row, names, types)
            return
    if row is not None:
        _compare_counts(frame, len(row), len(targets))
    for number, target in enumerate(targets):
        if row is None or number >= len(row):
            store(frame, target, None, frame.binding().type(705))
        else:
            store(frame, target, row[number], types[number])


def row_setter(
    frame: Frame, targets: tuple[Target, ...], names: Sequence[str], types: Sequence[TypeReference]
) -> Callable[[Any], None]:
    """What assigns one row of a query after the other, as `assign_row` does."""
    values, slot = frame.values, targets[0].slot
    is_row = len(types) == 1 and (types[0].type.kind == "c" or types[0].oid == RECORD)
    if len(targets) == 1 and targets[0].part is None and frame.types[slot] is None:
        if not types or is_row:
            return lambda row: assign_row(frame, targets, row, names, types)
        plain, told = tuple([each.type for each in types]), tuple(names)

        def set_record(row: Any) -> None:
            values[slot] = Record.of(row, plain, told)

        return set_record
    kinds = [frame.types[each.slot] for each in targets]
    is_direct = len(targets) == len(types) and all(
        kind is not None and takes_values(frame, target) and is_kept(frame, given, kind)
        for kind, target, given in zip(kinds, targets, types, strict=True)
    )
    if not is_direct:
        return lambda row: assign_row(frame, targets, row, names, types)
    slots = [each.slot for each in targets]

    def set_values(row: Any) -> None:
        for each, value in zip(slots, row, strict=True):
            values[each] = value

    return set_values


def _compare_counts(frame: Frame, given: int, wanted: int) -> None:
    """Tell of each place that nothing is given for, or once of what is too much."""
    for _ in range(wanted - given):
        other_count(frame)
    if given > wanted:
        other_count(frame)


def _assign_whole(
    frame: Frame,
    slot: int,
    row: Sequence[Any] | None,
    names: Sequence[str],
    types: Sequence[TypeReference],
) -> None:
    kind = frame.types[slot]
    if len(types) == 1 and (types[0].type.kind == "c" or types[0].oid == RECORD):
        value = None if row is None else row[0]
        if kind is None:
            _store_record(frame, slot, value, types[0])
        else:
            set_variable(frame, slot, _as_composite(frame, value, types[0], kind))
        return
    if kind is None:
        plain = tuple(each.type for each in types)
        made = empty_record(tuple(names), plain) if row is None else None
        if types:
            frame.values[slot] = made or Record.of(row or (), plain, tuple(names))
        else:
            frame.values[slot] = None
        return
    if row is not None:
        _compare_counts(frame, len(row), len(row_columns(frame.binding(), kind.oid)))
    set_variable(frame, slot, None if row is None else row_as(frame, row, types, kind))


def mismatch(frame: Frame, given: TypeReference, wanted: TypeReference) -> DatatypeMismatch:
    """The error for a value that cannot be what is wanted."""
    context = frame.binding()
    return DatatypeMismatch(
        f"cannot cast type {type_name(context, given.oid)} to {type_name(context, wanted.oid)}"
    )
