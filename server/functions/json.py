"""json and jsonb: operators that reach into values, constructors, and rows out of values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InvalidParameterValue,
)
from server.functions import numeric as numeric_functions
from server.functions.declare import row
from server.functions.json_documents import part_kernel
from server.functions.json_text import (
    as_text,
    items_of,
    jsonb_as_text,
    jsonb_kind,
    kind_of,
    members_of,
)
from server.types.array import Array
from server.types.json_text import check_escapes
from server.types.jsonb import Jsonb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ABSENT: Final = object()


# Reaching into values: json as texts, jsonb as values.


def _readable(text: str) -> str:
    """JSON that parts are looked for in: PostgreSQL reads all of its strings."""
    if "\\u" in text:
        check_escapes(text)
    return text


def _check_scalar(text: str) -> None:
    """A string is read before it is refused for being a scalar; an array or object is refused at its first mark."""
    if kind_of(text) == "string":
        _readable(text)


def _json_key(text: str, key: str) -> str | None:
    _readable(text)
    if kind_of(text) != "object":
        return None
    found = None
    for name, part in members_of(text):
        if name == key:
            found = part
    return found


def _json_index(text: str, index: int) -> str | None:
    _readable(text)
    if kind_of(text) != "array":
        return None
    items = list(items_of(text))
    return items[index] if -len(items) <= index < len(items) else None


def integer_of(text: str) -> int | None:
    """The integer that a step of a path is, if it is one."""
    stripped = text.strip(" ")
    digits = stripped[1:] if stripped[:1] in ("-", "+") else stripped
    return int(stripped) if digits.isascii() and digits.isdigit() else None


def _json_path(text: str, path: Array) -> str | None:
    found: str | None = _readable(text)
    for step in path.items:
        if found is None or step is None:
            return None
        if kind_of(found) == "array":
            index = integer_of(step)
            found = None if index is None else _json_index(found, index)
        else:
            found = _json_key(found, step)
    return found


def _text_form(operation: Callable[..., str | None]) -> Callable[..., str | None]:
    def compute(*arguments: Any) -> str | None:
        part = operation(*arguments)
        return None if part is None else as_text(part)

    return compute


def _at_key(value: Jsonb, key: str) -> Any:
    inner = value.value
    return inner.get(key, ABSENT) if isinstance(inner, dict) else ABSENT


def _at_index(value: Jsonb, index: int) -> Any:
    inner = value.value
    if not isinstance(inner, list | dict):  # a scalar is an array of one
        inner = [inner]
    if isinstance(inner, list) and -len(inner) <= index < len(inner):
        return inner[index]
    return ABSENT


def at_path(value: Jsonb, path: Array) -> Any:
    """What stands at a path, or ABSENT."""
    found = value.value
    for step in path.items:
        if isinstance(found, dict) and step is not None:
            found = found.get(step, ABSENT)
        elif isinstance(found, list) and step is not None:
            index = integer_of(step)
            found = ABSENT if index is None else _at_index(Jsonb(found), index)
        else:
            return ABSENT
    return found


def _wrapped(operation: Callable[..., Any]) -> Callable[..., Jsonb | None]:
    def compute(*arguments: Any) -> Jsonb | None:
        found = operation(*arguments)
        return None if found is ABSENT else Jsonb(found)

    return compute


def _texted(operation: Callable[..., Any]) -> Callable[..., str | None]:
    def compute(*arguments: Any) -> str | None:
        found = operation(*arguments)
        return None if found is ABSENT else jsonb_as_text(found)

    return compute


def path_of(steps: tuple[Any, ...]) -> Array:
    """A path given as one array or step by step."""
    if len(steps) == 1 and isinstance(steps[0], Array):
        return steps[0]
    return Array(25, ((len(steps), 1),) if steps else (), steps)


# Containment and existence.


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return all(key in left and _contains(left[key], item) for key, item in right.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(any(_contains(own, item) for own in left) for item in right)
    return bool(Jsonb(left) == Jsonb(right))


def contains(left: Jsonb, right: Jsonb) -> bool:
    """Whether the first has everything the second has."""
    scalar = not isinstance(right.value, dict | list)
    if isinstance(left.value, list) and scalar:
        return any(_contains(item, right.value) for item in left.value)
    return _contains(left.value, right.value)


def _contained(left: Jsonb, right: Jsonb) -> bool:
    return contains(right, left)


def _exists(value: Jsonb, key: str) -> bool:
    inner = value.value
    if isinstance(inner, list):
        return any(isinstance(item, str) and item == key for item in inner)
    return key in inner if isinstance(inner, dict) else inner == key and isinstance(inner, str)


def _exists_any(value: Jsonb, keys: Array) -> bool:
    return any(_exists(value, key) for key in keys.items if key is not None)


def _exists_all(value: Jsonb, keys: Array) -> bool:
    return all(_exists(value, key) for key in keys.items if key is not None)


# Rows out of values.


def _array_of(value: Jsonb, action: str) -> list[Any]:
    if isinstance(value.value, list):
        return value.value
    kind = "a non-array" if action.startswith("get") else "an object"
    kind = kind if isinstance(value.value, dict) else "a scalar"
    raise InvalidParameterValue(f"cannot {action} {kind}")


def _object_of(value: Jsonb, name: str, otherwise: str = "") -> dict[str, Any]:
    if isinstance(value.value, dict):
        return value.value
    kind = "an array" if isinstance(value.value, list) else "a scalar"
    raise InvalidParameterValue(f"cannot call {name} on {otherwise or kind}")


def _length(value: Jsonb) -> int:
    return len(_array_of(value, "get array length of"))


def _json_length(text: str) -> int:
    kind = kind_of(text)
    if kind != "array":
        what = "a non-array" if kind == "object" else "a scalar"
        raise InvalidParameterValue(f"cannot get array length of {what}")
    return sum(1 for _ in items_of(text))


def _json_items(text: str, suffix: str = "") -> Iterator[str]:
    kind = kind_of(text)
    if kind != "array":
        what = "a non-array" if kind == "object" else "a scalar"
        if suffix:
            _check_scalar(text)
        raise InvalidParameterValue(f"cannot call json_array_elements{suffix} on {what}")
    return items_of(_readable(text) if suffix else text)


def _json_members(text: str) -> Iterator[tuple[str, str]]:
    if kind_of(text) != "object":
        _check_scalar(text)
        raise InvalidParameterValue(
            "cannot deconstruct a scalar"
            if kind_of(text) != "array"
            else "cannot deconstruct an array as an object"
        )
    return members_of(_readable(text))


def _json_keys(text: str) -> Iterator[str]:
    kind = kind_of(text)
    if kind != "object":
        what = "an array" if kind == "array" else "a scalar"
        _check_scalar(text)
        raise InvalidParameterValue(f"cannot call json_object_keys on {what}")
    return (key for key, _ in members_of(_readable(text)))


def _jsonb_items(value: Jsonb) -> Iterator[Jsonb]:
    return (Jsonb(item) for item in _array_of(value, "extract elements from"))


def _jsonb_item_texts(value: Jsonb) -> Iterator[str | None]:
    return (jsonb_as_text(item) for item in _array_of(value, "extract elements from"))


def _jsonb_members(value: Jsonb) -> Iterator[tuple[str, Jsonb]]:
    return (
        (key, Jsonb(item)) for key, item in _object_of(value, "jsonb_each", "a non-object").items()
    )


def _jsonb_member_texts(value: Jsonb) -> Iterator[tuple[str, str | None]]:
    members = _object_of(value, "jsonb_each_text", "a non-object")
    return ((key, jsonb_as_text(item)) for key, item in members.items())


def _jsonb_keys(value: Jsonb) -> Iterator[str]:
    return iter(_object_of(value, "jsonb_object_keys"))


# Conversions of scalars.


def _scalar(value: Jsonb, types: Any, name: str) -> Any:
    if isinstance(value.value, types) and isinstance(value.value, bool) == (types is bool):
        return value.value
    kind = {"object": "object", "array": "array"}.get(
        jsonb_kind(value.value), jsonb_kind(value.value)
    )
    kind = "numeric" if kind == "number" else kind
    raise InvalidParameterValue(f"cannot cast jsonb {kind} to type {name}")


def _to_number(name: str, convert: Callable[[Decimal], Any]) -> Callable[[Jsonb], Any]:
    return lambda value: convert(_scalar(value, Decimal, name))


_EACH: Final = (
    row(
        "3947 json_object_field(from_json json, field_name text) json",
        _json_key,
        "A member.",
        """'{"a": {"b":1}}', 'a' -> {"b":1}""",
        part_kernel(_json_key, by_key=True, as_text=False),
    ),
    row(
        "3948 json_object_field_text(from_json json, field_name text) text",
        _text_form(_json_key),
        "A member as text.",
        """'{"a": "x"}', 'a' -> x""",
        part_kernel(_text_form(_json_key), by_key=True, as_text=True),
    ),
    row(
        "3949 json_array_element(from_json json, element_index int4) json",
        _json_index,
        "An item.",
        "'[1, 2]', -1 -> 2",
        part_kernel(_json_index, by_key=False, as_text=False),
    ),
    row(
        "3950 json_array_element_text(from_json json, element_index int4) text",
        _text_form(_json_index),
        "An item as text.",
        """'["x"]', 0 -> x""",
        part_kernel(_text_form(_json_index), by_key=False, as_text=True),
    ),
    row(
        "3951 json_extract_path(from_json json, variadic path_elems _text) json",
        lambda text, *path: _json_path(text, path_of(path)),
        "What stands at a path.",
        """'{"a": [1, 2]}', 'a', '1' -> 2""",
    ),
    row(
        "3953 json_extract_path_text(from_json json, variadic path_elems _text) text",
        lambda text, *path: _text_form(_json_path)(text, path_of(path)),
        "What stands at a path, as text.",
        """'{"a": ["x"]}', 'a', '0' -> x""",
    ),
    row(
        "3478 jsonb_object_field(from_json jsonb, field_name text) jsonb",
        _wrapped(_at_key),
        "A member.",
        """'{"a": {"b":1}}', 'a' -> {"b": 1}""",
        part_kernel(_wrapped(_at_key), by_key=True, as_text=False),
    ),
    row(
        "3214 jsonb_object_field_text(from_json jsonb, field_name text) text",
        _texted(_at_key),
        "A member as text.",
        """'{"a": "x"}', 'a' -> x""",
        part_kernel(_texted(_at_key), by_key=True, as_text=True),
    ),
    row(
        "3215 jsonb_array_element(from_json jsonb, element_index int4) jsonb",
        _wrapped(_at_index),
        "An item.",
        "'[1, 2]', -1 -> 2",
        part_kernel(_wrapped(_at_index), by_key=False, as_text=False),
    ),
    row(
        "3216 jsonb_array_element_text(from_json jsonb, element_index int4) text",
        _texted(_at_index),
        "An item as text.",
        """'["x"]', 0 -> x""",
        part_kernel(_texted(_at_index), by_key=False, as_text=True),
    ),
    row(
        "3217 jsonb_extract_path(from_json jsonb, variadic path_elems _text) jsonb",
        lambda value, *path: _wrapped(at_path)(value, path_of(path)),
        "What stands at a path.",
        """'{"a": [1, 2]}', 'a', '1' -> 2""",
    ),
    row(
        "3940 jsonb_extract_path_text(from_json jsonb, variadic path_elems _text) text",
        lambda value, *path: _texted(at_path)(value, path_of(path)),
        "What stands at a path, as text.",
        """'{"a": ["x"]}', 'a', '0' -> x""",
    ),
)


FUNCTIONS: Final = (
    *_EACH,
    row(
        "4046 jsonb_contains(jsonb, jsonb) bool",
        contains,
        "Whether it has everything of the other.",
        """'{"a":1, "b":2}', '{"b":2}' -> t""",
    ),
    row(
        "4050 jsonb_contained(jsonb, jsonb) bool",
        _contained,
        "Whether the other has everything of it.",
        """'{"b":2}', '{"a":1, "b":2}' -> t""",
    ),
    row(
        "4047 jsonb_exists(jsonb, text) bool",
        _exists,
        "Whether it has a key.",
        """'{"a":1}', 'a' -> t""",
    ),
    row(
        "4048 jsonb_exists_any(jsonb, _text) bool",
        _exists_any,
        "Whether it has any of the keys.",
        """'{"a":1}', '{b,a}' -> t""",
    ),
    row(
        "4049 jsonb_exists_all(jsonb, _text) bool",
        _exists_all,
        "Whether it has all of the keys.",
        """'{"a":1}', '{b,a}' -> f""",
    ),
    row("3956 json_array_length(json) int4", _json_length, "Number of items.", "'[1, 2]' -> 2"),
    row("3207 jsonb_array_length(jsonb) int4", _length, "Number of items.", "'[1, 2]' -> 2"),
    row("3968 json_typeof(json) text", kind_of, "The kind of value.", "'-12.4' -> number"),
    row(
        "3210 jsonb_typeof(jsonb) text",
        lambda value: jsonb_kind(value.value),
        "The kind of value.",
        "'-12.4' -> number",
    ),
    row(
        "3955 json_array_elements(from_json json) json set",
        _json_items,
        "Items as rows.",
        "'[1, true]' -> 1 ; true",
        output_names=("value",),
    ),
    row(
        "3969 json_array_elements_text(from_json json) text set",
        lambda text: map(as_text, _json_items(text, "_text")),
        "Items as rows of text.",
        """'[1, "x"]' -> 1 ; x""",
        output_names=("value",),
    ),
    row(
        "3219 jsonb_array_elements(from_json jsonb) jsonb set",
        _jsonb_items,
        "Items as rows.",
        "'[1, true]' -> 1 ; true",
        output_names=("value",),
    ),
    row(
        "3465 jsonb_array_elements_text(from_json jsonb) text set",
        _jsonb_item_texts,
        "Items as rows of text.",
        """'[1, "x"]' -> 1 ; x""",
        output_names=("value",),
    ),
    row(
        "3958 json_each(from_json json) record(key text, value json) set",
        _json_members,
        "Members as rows.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3959 json_each_text(from_json json) record(key text, value text) set",
        lambda text: ((key, as_text(part)) for key, part in _json_members(text)),
        "Members as rows of text.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3208 jsonb_each(from_json jsonb) record(key text, value jsonb) set",
        _jsonb_members,
        "Members as rows.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3932 jsonb_each_text(from_json jsonb) record(key text, value text) set",
        _jsonb_member_texts,
        "Members as rows of text.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3957 json_object_keys(json) text set",
        _json_keys,
        "Keys as rows.",
        """'{"a":1, "b":2}' -> a ; b""",
    ),
    row(
        "3931 jsonb_object_keys(jsonb) text set",
        _jsonb_keys,
        "Keys as rows.",
        """'{"a":1, "b":2}' -> a ; b""",
    ),
    row(
        "3556 bool(jsonb) bool",
        lambda value: _scalar(value, bool, "boolean"),
        "The boolean that it is.",
        "'true' -> t",
    ),
    row(
        "3449 numeric(jsonb) numeric",
        lambda value: _scalar(value, Decimal, "numeric"),
        "The number that it is.",
        "'1.50' -> 1.50",
    ),
    row(
        "3450 int2(jsonb) int2",
        _to_number("smallint", numeric_functions.to_integer("int2")),
        "The number that it is.",
        "'7' -> 7",
    ),
    row(
        "3451 int4(jsonb) int4",
        _to_number("integer", numeric_functions.to_integer("int4")),
        "The number that it is.",
        "'7.5' -> 8",
    ),
    row(
        "3452 int8(jsonb) int8",
        _to_number("bigint", numeric_functions.to_integer("int8")),
        "The number that it is.",
        "'7' -> 7",
    ),
    row(
        "3453 float4(jsonb) float4",
        _to_number("real", numeric_functions.to_float4),
        "The number that it is.",
        "'1.5' -> 1.5",
    ),
    row(
        "2580 float8(jsonb) float8",
        _to_number("double precision", numeric_functions.to_float),
        "The number that it is.",
        "'1.5' -> 1.5",
    ),
)
