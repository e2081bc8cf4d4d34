"""RETURN, RETURN NEXT, RETURN QUERY: what a function gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import DatatypeMismatch
from server.oids import RECORD, UNKNOWN, VOID
from server.planner.type_facts import row_columns, type_name
from server.plpgsql import tree
from server.plpgsql.assign import row_as
from server.plpgsql.embedded import converted, is_kept, value_of
from server.plpgsql.queries import InQuery
from server.plpgsql.running_sql import Found, rows_of
from server.plpgsql.signals import RETURNED
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from server.executor.triggers import Firing
    from server.plpgsql.frame import Frame
    from server.plpgsql.signals import Signal
    from server.plpgsql.tree import Source
    from server.types.type import TypeReference


def is_row(frame: Frame) -> bool:
    """Whether the function gives rows."""
    assert frame.result is not None
    return frame.result.oid == RECORD or frame.result.type.kind == "c"


def _return(frame: Frame, statement: tree.Return) -> Signal:
    function = frame.function
    if statement.value is None or frame.result is None or frame.result.oid == VOID:
        return RETURNED
    if function is not None and (function.returns_set or frame.tree.outputs):
        return RETURNED
    frame.results = [_returned(frame, statement.value, statement.slot)]
    return RETURNED


def _returned(frame: Frame, source: Source, slot: int) -> Any:
    """The value of an expression as the function's result."""
    assert frame.result is not None
    if not is_row(frame):
        return value_of(frame, source, frame.result)[0]
    if slot >= 0 and frame.types[slot] is None:
        return as_result_row(frame, frame.values[slot])
    value, kind = value_of(frame, source)
    if value is None:
        return None
    if not isinstance(value, Record):
        if kind.oid == UNKNOWN or kind.type.category == "S":
            return converted(frame, value, kind, frame.result)
        raise DatatypeMismatch(
            "cannot return non-composite value from function returning composite type"
        )
    return as_result_row(frame, value)


def as_result_row(frame: Frame, value: Record | None) -> Record | None:
    """A row as one of the type that the function gives."""
    assert frame.result is not None
    if value is None or frame.result.oid == RECORD:
        return value
    if frame.firing is not None and _is_row_of_trigger(frame.firing, value):
        return value
    context = frame.binding()
    columns = row_columns(context, frame.result.oid)
    wanted = tuple(oid for _, oid, modifier in columns if modifier < 0)
    if tuple(each.oid for each in value.types) == wanted:
        return value
    _check_structure(frame, [context.type(each.oid) for each in value.types], any_modifier=True)
    kinds = [context.type(each.oid) for each in value.types]
    return row_as(frame, value, kinds, frame.result)


def _is_row_of_trigger(firing: Firing, value: Record) -> bool:
    """Whether it has the types of the table's rows: found out without the catalog, as it is asked for every row."""
    row = firing.old if firing.new is None else firing.new
    return row is not None and value.types == row.types


def _expected(frame: Frame) -> Sequence[tuple[int, int]] | None:
    """Types and modifiers of the columns that the function gives; None where any will do."""
    assert frame.result is not None
    if frame.tree.outputs:
        kinds = [frame.types[slot] for slot in frame.tree.outputs]
        return [(kind.oid, kind.modifier) for kind in kinds if kind is not None]
    if frame.result.oid == RECORD:
        return None
    if frame.result.type.kind == "c":
        columns = row_columns(frame.binding(), frame.result.oid)
        return [(oid, modifier) for _, oid, modifier in columns]
    return [(frame.result.oid, -1)]


def _check_structure(
    frame: Frame, given: Sequence[TypeReference], *, any_modifier: bool = False
) -> None:
    """Raise for columns of other types; any_modifier: of values that do not know theirs."""
    wanted = _expected(frame)
    if wanted is None:
        return
    context = frame.binding()
    if len(wanted) != len(given):
        raise structure_mismatch(
            frame,
            f"Number of returned columns ({len(given)}) does not match expected column count "
            f"({len(wanted)}).",
        )
    for number, (kind, (oid, modifier)) in enumerate(zip(given, wanted, strict=True), 1):
        is_other = kind.oid not in (oid, UNKNOWN) and not _is_domain_over(frame, oid, kind.oid)
        is_cut = kind.oid == oid and modifier >= 0 and kind.modifier != modifier
        if is_other or (is_cut and not any_modifier):
            raise structure_mismatch(
                frame,
                f"Returned type {type_name(context, kind.oid, kind.modifier)} does not match "
                f"expected type {type_name(context, oid, modifier)} in column {number}.",
            )


def _is_domain_over(frame: Frame, domain: int, base: int) -> bool:
    from server.planner.type_facts import base_type

    return base_type(frame.binding(), domain) == base


def structure_mismatch(frame: Frame, detail: str) -> DatatypeMismatch:
    """The error for rows of another shape than the function gives."""
    if frame.what == "RETURN QUERY":
        return DatatypeMismatch(
            "structure of query does not match function result type", detail=detail
        )
    if frame.what == "RETURN NEXT":
        return DatatypeMismatch("wrong record type supplied in RETURN NEXT", detail=detail)
    if frame.firing is not None:
        return DatatypeMismatch(
            "returned row structure does not match the structure of the triggering table",
            detail=detail,
        )
    return DatatypeMismatch(
        "returned record type does not match expected record type", detail=detail
    )


def _return_next(frame: Frame, statement: tree.ReturnNext) -> Signal:
    if statement.value is None:
        frame.results.append(outputs(frame))
        return
    assert frame.result is not None
    if not is_row(frame):
        frame.results.append(value_of(frame, statement.value, frame.result)[0])
        return
    value, _ = value_of(frame, statement.value)
    if value is not None and not isinstance(value, Record):
        raise DatatypeMismatch(
            "cannot return non-composite value from function returning composite type"
        )
    frame.results.append(as_result_row(frame, value))


def outputs(frame: Frame) -> Any:
    """What the output parameters hold: the value of one, a row of several."""
    slots = frame.tree.outputs
    is_procedure = frame.function is not None and frame.function.kind == "p"
    if len(slots) == 1 and not is_procedure and frame.result is not None and not _gives_row(frame):
        return frame.values[slots[0]]
    shape = frame.plans.get(outputs)
    if shape is None:
        types = tuple(_field_type(frame.types[slot]) for slot in slots)
        names = tuple(_output_name(frame, slot, number) for number, slot in enumerate(slots, 1))
        shape = frame.plans[outputs] = types, names
    values = frame.values
    return Record.of([values[slot] for slot in slots], *shape)


def _gives_row(frame: Frame) -> bool:
    return frame.result is not None and frame.result.oid == RECORD and len(frame.tree.outputs) != 1


def _field_type(kind: TypeReference | None) -> Any:
    from server.types.registry import TYPE_BY_OID

    return TYPE_BY_OID[RECORD] if kind is None else kind.type


def _output_name(frame: Frame, slot: int, number: int) -> str:
    name = frame.tree.variables[slot].name
    return f"column{number}" if name.startswith("$") else name


def _return_query(frame: Frame, statement: tree.ReturnQuery) -> Signal:
    found = rows_of(frame, statement.rows, is_returned=True)
    assert frame.result is not None
    wanted = _expected(frame)
    given = list(found.types)
    is_whole = len(given) == 1 and given[0].type.kind == "c" and given[0].oid == frame.result.oid
    if not is_whole:
        with InQuery(found.text):
            _check_structure(frame, given)
    context = frame.binding()
    kinds = given if wanted is None else [context.type(oid, modifier) for oid, modifier in wanted]
    single = not is_row(frame) or is_whole
    names = _result_names(frame, found.names)
    plain = tuple(kind.type for kind in kinds)
    before = len(frame.results)
    pairs = list(zip(given, kinds, strict=True))
    is_same = is_whole or all(is_kept(frame, has, kind) for has, kind in pairs)
    for row in _told(found):
        values = (
            row
            if is_same
            else [
                value if value is None else converted(frame, value, has, kind)
                for value, (has, kind) in zip(row, pairs, strict=True)
            ]
        )
        frame.results.append(values[0] if single else Record.of(values, plain, names))
    frame.row_count = len(frame.results) - before
    frame.values[frame.tree.found_slot] = frame.row_count > 0


def _told(found: Found) -> Iterator[Any]:
    """The rows, of whose errors it is said that they came up in the query."""
    with InQuery(found.text):
        yield from found.rows


def _result_names(frame: Frame, names: Sequence[str]) -> tuple[str, ...]:
    assert frame.result is not None
    if frame.tree.outputs:
        slots = frame.tree.outputs
        return tuple(_output_name(frame, slot, number) for number, slot in enumerate(slots, 1))
    if frame.result.type.kind == "c":
        return tuple(name for name, _, _ in row_columns(frame.binding(), frame.result.oid))
    return tuple(names)


RUNNERS: Final[Mapping[type[tree.Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Return: _return,
    tree.ReturnNext: _return_next,
    tree.ReturnQuery: _return_query,
}
