"""Records out of JSON: json_populate_record, json_to_record and their kin.

Rule 1: json is looked at as text, jsonb as values; a Node shows both alike.
Rule 2: a member becomes a field by the type of the field: arrays item by item, rows member by member,
        anything else by the input function of its type. A string is never taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidTextRepresentation,
)
from server.functions.declare import row
from server.functions.json_text import (
    as_text,
    element_type,
    items_of,
    jsonb_as_text,
    jsonb_kind,
    kind_of,
    members_of,
)
from server.types.array import Array
from server.types.jsonb import Jsonb, text_of
from server.types.record import Record
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.functions.function import CallContext, Function
    from server.types.type import Type

    Fields = Sequence[tuple[str, TypeReference]]

JSON_TYPES: Final = frozenset(("json", "jsonb"))


class Node(Protocol):
    """A JSON value."""

    @property
    def kind(self) -> str:
        """What json_typeof says."""

    def plain(self) -> str:
        """The value as text, a string without quotes."""

    def json(self) -> str:
        """The value as JSON text."""

    def items(self) -> list[Node]:
        """The items of an array."""

    def members(self) -> dict[str, Node]:
        """The members of an object."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A value of type json."""

    text: str

    @property
    def kind(self) -> str:
        return kind_of(self.text)

    def plain(self) -> str:
        return as_text(self.text) or ""

    def json(self) -> str:
        return self.text

    def items(self) -> list[Node]:
        return [_Text(each) for each in items_of(self.text)]

    def members(self) -> dict[str, Node]:
        return {key: _Text(part) for key, part in members_of(self.text)}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of type jsonb."""

    value: Any

    @property
    def kind(self) -> str:
        return jsonb_kind(self.value)

    def plain(self) -> str:
        return jsonb_as_text(self.value) or ""

    def json(self) -> str:
        return text_of(self.value)

    def items(self) -> list[Node]:
        return [_Value(each) for each in self.value]

    def members(self) -> dict[str, Node]:
        return {key: _Value(each) for key, each in self.value.items()}


def _node(value: Any) -> Node:
    return _Value(value.value) if isinstance(value, Jsonb) else _Text(value)


@dataclass(slots=True)
class _Populator:
    """One call: knows the function's name for errors."""

    call: CallContext
    name: str

    # Fields.

    def field(self, wanted: TypeReference, node: Node | None, key: str, base: Any = None) -> Any:
        """The value of a field; base is what it was before."""
        kind = wanted.type
        given = None if node is None or node.kind == "null" else node
        value = None if given is None else self.present(wanted, given, key, base)
        self._check(kind, value)
        return value

    def checked(self, value: Record) -> Record:
        """A row as the type of the first argument, which may be a domain over it."""
        self._check(self.call.arguments[0].type, value)
        return value

    def _check(self, kind: Type, value: Any) -> None:
        test = self.call.execution.domain_test(kind.oid) if kind.kind == "d" else None
        if test is not None:
            test(value, self.call.execution)

    def present(self, wanted: TypeReference, node: Node, key: str, base: Any) -> Any:
        """The value of a field that is not null."""
        kind = wanted.type
        if node.kind != "string":
            if kind.category == "A" and kind.element_oid:
                return self.array(wanted, node, key)
            if kind.fields:
                return self.record(kind.fields, node, base)
        text = node.json() if kind.name in JSON_TYPES else node.plain()
        return kind.parse(text, wanted.modifier, self.call.style)

    def record(self, fields: Fields, node: Node, base: Any = None) -> Record:
        """A row; fields without a member keep what the base has."""
        if node.kind != "object":
            what = "an array" if node.kind == "array" else "a scalar"
            raise InvalidParameterValue(f"cannot call populate_composite on {what}")
        members = node.members()
        values = [
            base[number]
            if base is not None and key not in members
            else self.field(wanted, members.get(key), key, None if base is None else base[number])
            for number, (key, wanted) in enumerate(fields)
        ]
        return _record(values, fields)

    # Arrays.

    def array(self, wanted: TypeReference, node: Node, key: str) -> Array:
        """An array of the items, and of theirs as deep as arrays go."""
        if node.kind != "array":
            raise _expected_array(key, ())
        element = TypeReference(element_type(self.call, wanted.type.element_oid), wanted.modifier)
        reader = _ArrayReader(self, element, key)
        reader.read(node, ())
        if not reader.items:
            return Array(element.oid, (), ())
        dimensions = tuple((length, 1) for length in reader.lengths)
        return Array(element.oid, dimensions, tuple(reader.items))


class _ArrayReader:
    """Reads one array; how many dimensions there are is known when the first item is met."""

    def __init__(self, populator: _Populator, element: TypeReference, key: str) -> None:
        self.populator = populator
        self.element = element
        self.key = key
        self.items: list[Any] = []
        self.lengths: list[int] = []
        self.depth_max = 0

    def read(self, node: Node, place: tuple[int, ...]) -> None:
        """Read an array inside the array."""
        items = node.items()
        depth = len(place)
        if depth == len(self.lengths):
            self.lengths.append(len(items))
        elif self.lengths[depth] != len(items):
            raise InvalidTextRepresentation(
                "malformed JSON array",
                detail="Multidimensional arrays must have sub-arrays with matching dimensions.",
            )
        for number, item in enumerate(items):
            here = (*place, number)
            if item.kind == "array" and (not self.depth_max or len(here) < self.depth_max):
                self.read(item, here)
                continue
            self.depth_max = self.depth_max or len(here)
            if len(here) != self.depth_max:
                raise _expected_array(self.key, here)
            self.items.append(self.populator.field(self.element, item, self.key))


def _expected_array(key: str, place: tuple[int, ...]) -> InvalidTextRepresentation:
    shown = "".join(f"[{number}]" for number in place)
    hint = ""
    if key and shown:
        hint = f'See the array element {shown} of key "{key}".'
    elif key:
        hint = f'See the value of key "{key}".'
    elif shown:
        hint = f"See the array element {shown}."
    return InvalidTextRepresentation("expected JSON array", hint=hint)


def _record(values: Sequence[Any], fields: Fields) -> Record:
    names = tuple(name for name, _ in fields)
    return Record.of(values, tuple(wanted.type for _, wanted in fields), names)


# The functions.


def _fields_of(call: CallContext, base: Any, name: str) -> Fields:
    """The fields that a call wants: those of the first argument's type or of its value."""
    kind = call.arguments[0].type
    if kind.fields:
        return kind.fields
    if kind.name != "record":
        raise DatatypeMismatch(f"first argument of {name} must be a row type")
    if isinstance(base, Record):
        pairs = zip(base.names, base.types, strict=True)
        return tuple((field, TypeReference(each)) for field, each in pairs)
    raise _undetermined(name)


def _populate(name: str, known: Fields = ()) -> Callable[..., Any]:
    """json_populate_record; the fields are known where a column definition list says them."""

    def populate(call: CallContext, base: Any, value: Any, _as_text: bool = False) -> Any:
        fields = known if known and base is None else _fields_of(call, base, name)
        if value is None:
            return base
        populator = _populator(call, name)
        return populator.checked(populator.record(fields, _node(value), base))

    return populate


def _populator(call: CallContext, name: str) -> _Populator:
    return _Populator(call, name)


def _populate_set(name: str, known: Fields = ()) -> Callable[..., Any]:
    """json_populate_recordset."""

    def populate(
        call: CallContext, base: Any, value: Any, _as_text: bool = False
    ) -> Iterator[Record]:
        fields = known if known and base is None else _fields_of(call, base, name)
        if value is None:
            return iter(())
        return _rows(_populator(call, name), fields, _node(value), base)

    return populate


def _rows(populator: _Populator, fields: Fields, node: Node, base: Any) -> Iterator[Record]:
    name = populator.name
    if node.kind != "array":
        what = "an object" if node.kind == "object" else "a scalar"
        if isinstance(node, _Value):
            what = "a non-array"
        raise InvalidParameterValue(f"cannot call {name} on {what}")
    for item in node.items():
        if item.kind != "object":
            raise InvalidParameterValue(f"argument of {name} must be an array of objects")
        yield populator.checked(populator.record(fields, item, base))


def _to_record(name: str, known: Fields = ()) -> Callable[..., Any]:
    """json_to_record."""

    def convert(call: CallContext, value: Any) -> Record:
        return _populator(call, name).record(_listed(name, known), _node(value))

    return convert


def _to_record_set(name: str, known: Fields = ()) -> Callable[..., Any]:
    """json_to_recordset."""

    def convert(call: CallContext, value: Any) -> Iterator[Record]:
        if value is None:
            return iter(())
        return _rows(_populator(call, name), _listed(name, known), _node(value), None)

    return convert


def _listed(name: str, known: Fields) -> Fields:
    if known:
        return known
    raise _undetermined(name)


def _undetermined(name: str) -> FeatureNotSupported:
    return FeatureNotSupported(
        f"could not determine row type for result of {name}",
        hint="Provide a non-null record argument, or call the function in the FROM clause using a "
        "column definition list.",
    )


def _function(signature: str, make: Callable[..., Any], doc: str) -> Function:
    name = signature.split(" ")[1].partition("(")[0]
    return row(
        f"{signature} stable context",
        make(name),
        doc,
        with_columns=lambda columns: make(name, tuple(columns)),
    )


FUNCTIONS: Final = (
    _function(
        "3960 json_populate_record(base anyelement, from_json json, use_json_as_text bool = false) "
        "anyelement lax",
        _populate,
        "A row of an object's members.",
    ),
    _function(
        "3961 json_populate_recordset(base anyelement, from_json json, "
        "use_json_as_text bool = false) anyelement lax set",
        _populate_set,
        "Rows of an array of objects.",
    ),
    _function("3204 json_to_record(json) record", _to_record, "A row of an object's members."),
    _function(
        "3205 json_to_recordset(json) record lax set",
        _to_record_set,
        "Rows of an array of objects.",
    ),
    _function(
        "3209 jsonb_populate_record(anyelement, jsonb) anyelement lax",
        _populate,
        "A row of an object's members.",
    ),
    _function(
        "3475 jsonb_populate_recordset(anyelement, jsonb) anyelement lax set",
        _populate_set,
        "Rows of an array of objects.",
    ),
    _function("3490 jsonb_to_record(jsonb) record", _to_record, "A row of an object's members."),
    _function(
        "3491 jsonb_to_recordset(jsonb) record lax set",
        _to_record_set,
        "Rows of an array of objects.",
    ),
)
