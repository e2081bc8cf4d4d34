"""json and jsonb: operators that reach into values, constructors, and rows out of values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NullValueNotAllowed,
)
from server.functions import numeric as numeric_functions
from server.functions.declare import row
from server.functions.json_text import (
    as_text,
    decode,
    items_of,
    jsonb_as_text,
    jsonb_kind,
    kind_of,
    members_of,
    nullable_to_json,
    value_to_json,
    value_to_jsonb,
)
from server.types.array import Array
from server.types.jsonb import Jsonb, make_object, quote, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.functions.function import CallContext

_ABSENT: Final = object()


# Reaching into values: json as texts, jsonb as values.


def _json_key(text: str, key: str) -> str | None:
    if kind_of(text) != "object":
        return None
    found = None
    for name, part in members_of(text):
        if name == key:
            found = part
    return found


def _json_index(text: str, index: int) -> str | None:
    if kind_of(text) != "array":
        return None
    items = list(items_of(text))
    return items[index] if -len(items) <= index < len(items) else None


def _integer(text: str) -> int | None:
    stripped = text.strip(" ")
    digits = stripped[1:] if stripped[:1] in ("-", "+") else stripped
    return int(stripped) if digits.isascii() and digits.isdigit() else None


def _json_path(text: str, path: Array) -> str | None:
    found: str | None = text
    for step in path.items:
        if found is None or step is None:
            return None
        if kind_of(found) == "array":
            index = _integer(step)
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
    return inner.get(key, _ABSENT) if isinstance(inner, dict) else _ABSENT


def _at_index(value: Jsonb, index: int) -> Any:
    inner = value.value
    if not isinstance(inner, list | dict):  # a scalar is an array of one
        inner = [inner]
    if isinstance(inner, list) and -len(inner) <= index < len(inner):
        return inner[index]
    return _ABSENT


def _at_path(value: Jsonb, path: Array) -> Any:
    found = value.value
    for step in path.items:
        if isinstance(found, dict) and step is not None:
            found = found.get(step, _ABSENT)
        elif isinstance(found, list) and step is not None:
            index = _integer(step)
            found = _ABSENT if index is None else _at_index(Jsonb(found), index)
        else:
            return _ABSENT
    return found


def _wrapped(operation: Callable[..., Any]) -> Callable[..., Jsonb | None]:
    def compute(*arguments: Any) -> Jsonb | None:
        found = operation(*arguments)
        return None if found is _ABSENT else Jsonb(found)

    return compute


def _texted(operation: Callable[..., Any]) -> Callable[..., str | None]:
    def compute(*arguments: Any) -> str | None:
        found = operation(*arguments)
        return None if found is _ABSENT else jsonb_as_text(found)

    return compute


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


# Changing values.


def _concatenate(left: Jsonb, right: Jsonb) -> Jsonb:
    first, second = left.value, right.value
    if isinstance(first, dict) and isinstance(second, dict):
        return Jsonb(make_object([*first.items(), *second.items()]))
    firsts = first if isinstance(first, list) else [first]
    seconds = second if isinstance(second, list) else [second]
    return Jsonb([*firsts, *seconds])


def _delete_key(value: Jsonb, key: str) -> Jsonb:
    inner = value.value
    if isinstance(inner, dict):
        return Jsonb({name: item for name, item in inner.items() if name != key})
    if isinstance(inner, list):
        return Jsonb([item for item in inner if not (isinstance(item, str) and item == key)])
    raise InvalidParameterValue("cannot delete from scalar")


def _delete_keys(value: Jsonb, keys: Array) -> Jsonb:
    for key in keys.items:
        if key is not None:
            value = _delete_key(value, key)
    return value


def _delete_index(value: Jsonb, index: int) -> Jsonb:
    inner = value.value
    if isinstance(inner, dict):
        raise InvalidParameterValue("cannot delete from object using integer index")
    if not isinstance(inner, list):
        raise InvalidParameterValue("cannot delete from scalar")
    if not -len(inner) <= index < len(inner):
        return value
    position = index % len(inner)
    return Jsonb([*inner[:position], *inner[position + 1 :]])


def _delete_path(value: Jsonb, path: Array) -> Jsonb:
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot delete path in scalar")
    return Jsonb(_changed(value.value, path.items, lambda old: _ABSENT, False))


def _changed(
    value: Any, path: Sequence[str | None], change: Callable[[Any], Any], create: bool
) -> Any:
    """The value with what stands at a path changed; change(_ABSENT) gives what is missing."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if step is None:
        raise NullValueNotAllowed("path element at position 1 is null")
    if isinstance(value, dict):
        return _changed_member(value, step, rest, change, create)
    if isinstance(value, list):
        return _changed_item(value, step, rest, change, create)
    return value


def _changed_member(
    value: dict[str, Any], step: str, rest: Sequence[str | None], change: Any, create: bool
) -> dict[str, Any]:
    old = value.get(step, _ABSENT)
    if rest:
        new = old if old is _ABSENT else _changed(old, rest, change, create)
    elif old is _ABSENT and not create:
        return value
    else:
        new = change(old)
    others = [(key, item) for key, item in value.items() if key != step]
    return make_object(others if new is _ABSENT else [*others, (step, new)])


def _not_an_integer(step: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'path element at position 1 is not an integer: "{step}"')


def _changed_item(
    value: list[Any], step: str, rest: Sequence[str | None], change: Any, create: bool
) -> list[Any]:
    index = _integer(step)
    if index is None:
        raise _not_an_integer(step)
    inside = -len(value) <= index < len(value)
    if inside:
        position = index % len(value)
        new = _changed(value[position], rest, change, create) if rest else change(value[position])
        middle = [] if new is _ABSENT else [new]
        return [*value[:position], *middle, *value[position + 1 :]]
    if rest or not create:
        return value
    new = change(_ABSENT)
    return [new, *value] if index < 0 else [*value, new]


def _set(value: Jsonb, path: Array, new: Jsonb, create: bool = True) -> Jsonb:
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot set path in scalar")
    return Jsonb(_changed(value.value, path.items, lambda old: new.value, create))


def _insert(value: Jsonb, path: Array, new: Jsonb, after: bool = False) -> Jsonb:
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot set path in scalar")
    if not path.items:
        return value
    parent = (
        _at_path(value, Array(25, ((len(path.items) - 1, 1),), path.items[:-1]))
        if len(path.items) > 1
        else value.value
    )
    if isinstance(parent, dict):
        if path.items[-1] in parent:
            raise InvalidParameterValue(
                "cannot replace existing key",
                hint="Try using the function jsonb_set to replace key value.",
            )
        return Jsonb(_changed(value.value, path.items, lambda old: new.value, True))
    if not isinstance(parent, list):
        return value
    index = _integer(path.items[-1])
    if index is None:
        raise _not_an_integer(path.items[-1])
    position = max(index + len(parent), -1) if index < 0 else min(index, len(parent))
    if position < 0:
        extended = [new.value, *parent]
    else:
        position = min(position + after, len(parent))
        extended = [*parent[:position], new.value, *parent[position:]]
    if len(path.items) == 1:
        return Jsonb(extended)
    return Jsonb(_changed(value.value, path.items[:-1], lambda old: extended, False))


def _strip_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip_nulls(item) for key, item in value.items() if item is not None}
    return [_strip_nulls(item) for item in value] if isinstance(value, list) else value


def _compact(value: Any) -> str:
    """JSON text without blanks."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(key)}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return text_of(value)


def _pretty(value: Any, indent: int = 0) -> str:
    inside, outside = " " * (indent + 4), " " * indent
    if isinstance(value, dict) and value:
        lines = [
            f"{inside}{quote(key)}: {_pretty(item, indent + 4)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{outside}}}"
    if isinstance(value, list) and value:
        lines = [inside + _pretty(item, indent + 4) for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{outside}]"
    return (
        f"{{\n{outside}}}" if value == {} else f"[\n{outside}]" if value == [] else text_of(value)
    )


# Rows out of values.


def _array_of(value: Jsonb, action: str) -> list[Any]:
    if isinstance(value.value, list):
        return value.value
    kind = "a non-array" if action.startswith("get") else "an object"
    kind = kind if isinstance(value.value, dict) else "a scalar"
    raise InvalidParameterValue(f"cannot {action} {kind}")


def _object_of(value: Jsonb, action: str) -> dict[str, Any]:
    if isinstance(value.value, dict):
        return value.value
    kind = "an array" if isinstance(value.value, list) else "a scalar"
    raise InvalidParameterValue(
        f"cannot {action} {kind}" if action.startswith("call") else f"cannot {action} a non-object"
    )


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
        raise InvalidParameterValue(f"cannot call json_array_elements{suffix} on {what}")
    return items_of(text)


def _json_members(text: str) -> Iterator[tuple[str, str]]:
    if kind_of(text) != "object":
        raise InvalidParameterValue(
            "cannot deconstruct a scalar"
            if kind_of(text) != "array"
            else "cannot deconstruct an array as an object"
        )
    return members_of(text)


def _json_keys(text: str) -> Iterator[str]:
    kind = kind_of(text)
    if kind != "object":
        what = "an array" if kind == "array" else "a scalar"
        raise InvalidParameterValue(f"cannot call json_object_keys on {what}")
    return (key for key, _ in members_of(text))


def _jsonb_items(value: Jsonb) -> Iterator[Jsonb]:
    return (Jsonb(item) for item in _array_of(value, "extract elements from"))


def _jsonb_item_texts(value: Jsonb) -> Iterator[str | None]:
    return (jsonb_as_text(item) for item in _array_of(value, "extract elements from"))


def _jsonb_members(value: Jsonb) -> Iterator[tuple[str, Jsonb]]:
    return ((key, Jsonb(item)) for key, item in _object_of(value, "call jsonb_each on").items())


def _jsonb_member_texts(value: Jsonb) -> Iterator[tuple[str, str | None]]:
    members = _object_of(value, "call jsonb_each_text on")
    return ((key, jsonb_as_text(item)) for key, item in members.items())


def _jsonb_keys(value: Jsonb) -> Iterator[str]:
    return iter(_object_of(value, "call jsonb_object_keys on"))


# Constructors.


def _argument_type(context: CallContext, index: int) -> Any:
    return context.arguments[min(index, len(context.arguments) - 1)].type


def _to_json(context: CallContext, value: Any) -> str:
    return value_to_json(value, _argument_type(context, 0), context)


def _to_jsonb(context: CallContext, value: Any) -> Jsonb:
    return Jsonb(value_to_jsonb(value, _argument_type(context, 0), context))


def _lines_to_json(context: CallContext, value: Any, newlines: bool) -> str:
    return value_to_json(value, _argument_type(context, 0), context, newlines)


def _build_array(context: CallContext, *values: Any) -> str:
    texts = [
        nullable_to_json(value, _argument_type(context, index), context)
        for index, value in enumerate(values)
    ]
    return "[" + ", ".join(texts) + "]"


def _key_of(context: CallContext, index: int, key: Any, shown: str) -> str:
    if key is None:
        raise InvalidParameterValue(shown)
    return str(_argument_type(context, index).format(key, context.style))


def _pairs(values: Sequence[Any]) -> Iterator[tuple[int, Any, Any]]:
    if len(values) % 2:
        raise InvalidParameterValue(
            "argument list must have even number of elements",
            hint="The arguments of json_build_object() must consist "
            "of alternating keys and values.",
        )
    return ((index, values[index], values[index + 1]) for index in range(0, len(values), 2))


def _build_object(context: CallContext, *values: Any) -> str:
    parts = []
    for index, key, value in _pairs(values):
        name = _key_of(context, index, key, f"argument {index + 1} cannot be null")
        shown = nullable_to_json(value, _argument_type(context, index + 1), context)
        parts.append(f"{quote(name)} : {shown}")
    return "{" + ", ".join(parts) + "}"


def _build_jsonb_array(context: CallContext, *values: Any) -> Jsonb:
    return Jsonb(
        [
            value_to_jsonb(value, _argument_type(context, index), context)
            for index, value in enumerate(values)
        ]
    )


def _build_jsonb_object(context: CallContext, *values: Any) -> Jsonb:
    pairs = []
    for index, key, value in _pairs(values):
        name = _key_of(context, index, key, f"argument {index + 1}: key must not be null")
        pairs.append((name, value_to_jsonb(value, _argument_type(context, index + 1), context)))
    return Jsonb(make_object(pairs))


def _text_pairs(array: Array) -> list[tuple[str, str | None]]:
    items: Sequence[Any] = array.items
    if len(array.dimensions) > 2 or (len(array.dimensions) == 2 and array.dimensions[1][0] != 2):
        raise ArraySubscriptError("array must have two columns")
    if len(items) % 2:
        raise ArraySubscriptError("array must have even number of elements")
    return _checked_pairs(items[::2], items[1::2])


def _checked_pairs(keys: Sequence[Any], values: Sequence[Any]) -> list[tuple[str, str | None]]:
    if None in keys:
        raise NullValueNotAllowed("null value not allowed for object key")
    if len(keys) != len(values):
        raise ArraySubscriptError("mismatched array dimensions")
    return list(zip(keys, values, strict=True))


def _json_of_pairs(pairs: Sequence[tuple[str, str | None]]) -> str:
    shown = [f"{quote(key)} : {'null' if value is None else quote(value)}" for key, value in pairs]
    return "{" + ", ".join(shown) + "}"


def _jsonb_of_pairs(pairs: Sequence[tuple[str, Any]]) -> Jsonb:
    return Jsonb(make_object(list(pairs)))


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


def _path(steps: tuple[Any, ...]) -> Array:
    """A path given as one array or step by step."""
    if len(steps) == 1 and isinstance(steps[0], Array):
        return steps[0]
    return Array(25, ((len(steps), 1),) if steps else (), steps)


_EACH: Final = (
    row(
        "3947 json_object_field(json, text) json",
        _json_key,
        "A member.",
        """'{"a": {"b":1}}', 'a' -> {"b":1}""",
    ),
    row(
        "3948 json_object_field_text(json, text) text",
        _text_form(_json_key),
        "A member as text.",
        """'{"a": "x"}', 'a' -> x""",
    ),
    row("3949 json_array_element(json, int4) json", _json_index, "An item.", "'[1, 2]', -1 -> 2"),
    row(
        "3950 json_array_element_text(json, int4) text",
        _text_form(_json_index),
        "An item as text.",
        """'["x"]', 0 -> x""",
    ),
    row(
        "3951 json_extract_path(json, variadic _text) json",
        lambda text, *path: _json_path(text, _path(path)),
        "What stands at a path.",
        """'{"a": [1, 2]}', 'a', '1' -> 2""",
    ),
    row(
        "3953 json_extract_path_text(json, variadic _text) text",
        lambda text, *path: _text_form(_json_path)(text, _path(path)),
        "What stands at a path, as text.",
        """'{"a": ["x"]}', 'a', '0' -> x""",
    ),
    row(
        "3478 jsonb_object_field(jsonb, text) jsonb",
        _wrapped(_at_key),
        "A member.",
        """'{"a": {"b":1}}', 'a' -> {"b": 1}""",
    ),
    row(
        "3214 jsonb_object_field_text(jsonb, text) text",
        _texted(_at_key),
        "A member as text.",
        """'{"a": "x"}', 'a' -> x""",
    ),
    row(
        "3215 jsonb_array_element(jsonb, int4) jsonb",
        _wrapped(_at_index),
        "An item.",
        "'[1, 2]', -1 -> 2",
    ),
    row(
        "3216 jsonb_array_element_text(jsonb, int4) text",
        _texted(_at_index),
        "An item as text.",
        """'["x"]', 0 -> x""",
    ),
    row(
        "3217 jsonb_extract_path(jsonb, variadic _text) jsonb",
        lambda value, *path: _wrapped(_at_path)(value, _path(path)),
        "What stands at a path.",
        """'{"a": [1, 2]}', 'a', '1' -> 2""",
    ),
    row(
        "3940 jsonb_extract_path_text(jsonb, variadic _text) text",
        lambda value, *path: _texted(_at_path)(value, _path(path)),
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
    row(
        "3301 jsonb_concat(jsonb, jsonb) jsonb",
        _concatenate,
        "Both together.",
        """'{"a":1}', '{"b":2}' -> {"a": 1, "b": 2}""",
    ),
    row(
        "3302 jsonb_delete(jsonb, text) jsonb",
        _delete_key,
        "Without a key.",
        """'{"a":1, "b":2}', 'a' -> {"b": 2}""",
    ),
    row(
        "3343 jsonb_delete(jsonb, variadic _text) jsonb",
        lambda value, *keys: _delete_keys(value, _path(keys)),
        "Without keys.",
        """'{"a":1, "b":2}', 'a', 'b' -> {}""",
    ),
    row(
        "3303 jsonb_delete(jsonb, int4) jsonb",
        _delete_index,
        "Without an item.",
        "'[1, 2, 3]', 1 -> [1, 3]",
    ),
    row(
        "3304 jsonb_delete_path(jsonb, _text) jsonb",
        _delete_path,
        "Without what stands at a path.",
        """'{"a":[1,2]}', '{a,0}' -> {"a": [2]}""",
    ),
    row(
        "3305 jsonb_set(jsonb, _text, jsonb, create_if_missing bool = true) jsonb",
        _set,
        "Another value at a path.",
        """'{"a":[1,2]}', '{a,0}', '9', true -> {"a": [9, 2]}""",
    ),
    row(
        "3579 jsonb_insert(jsonb, _text, jsonb, insert_after bool = false) jsonb",
        _insert,
        "One more value at a path.",
        """'{"a":[1,2]}', '{a,0}', '9', false -> {"a": [9, 1, 2]}""",
    ),
    row(
        "3262 jsonb_strip_nulls(jsonb) jsonb",
        lambda value: Jsonb(_strip_nulls(value.value)),
        "Without members that are null.",
        """'{"a":1, "b":null}' -> {"a": 1}""",
    ),
    row(
        "3261 json_strip_nulls(json) json",
        lambda text: _compact(_strip_nulls(decode(text))),
        "Without members that are null.",
        """'{"a":1, "b":null}' -> {"a":1}""",
    ),
    row(
        "3306 jsonb_pretty(jsonb) text",
        lambda value: _pretty(value.value),
        "Indented text.",
        "'[1]' -> [\n    1\n]",
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
        "3955 json_array_elements(json) json set",
        _json_items,
        "Items as rows.",
        "'[1, true]' -> 1 ; true",
    ),
    row(
        "3969 json_array_elements_text(json) text set",
        lambda text: map(as_text, _json_items(text, "_text")),
        "Items as rows of text.",
        """'[1, "x"]' -> 1 ; x""",
    ),
    row(
        "3219 jsonb_array_elements(jsonb) jsonb set",
        _jsonb_items,
        "Items as rows.",
        "'[1, true]' -> 1 ; true",
    ),
    row(
        "3465 jsonb_array_elements_text(jsonb) text set",
        _jsonb_item_texts,
        "Items as rows of text.",
        """'[1, "x"]' -> 1 ; x""",
    ),
    row(
        "3958 json_each(json) record(key text, value json) set",
        _json_members,
        "Members as rows.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3959 json_each_text(json) record(key text, value text) set",
        lambda text: ((key, as_text(part)) for key, part in _json_members(text)),
        "Members as rows of text.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3208 jsonb_each(jsonb) record(key text, value jsonb) set",
        _jsonb_members,
        "Members as rows.",
        """'{"a":1}' -> (a,1)""",
    ),
    row(
        "3932 jsonb_each_text(jsonb) record(key text, value text) set",
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
        "3176 to_json(anyelement) json stable context",
        _to_json,
        "Any value as JSON.",
        '\'a"b\'::text -> "a\\"b"',
    ),
    row(
        "3787 to_jsonb(anyelement) jsonb stable context",
        _to_jsonb,
        "Any value as JSON.",
        "'{1,2}'::int4[] -> [1, 2]",
    ),
    row(
        "3153 array_to_json(anyarray) json stable context",
        _to_json,
        "An array as JSON.",
        "'{1,2}'::int4[] -> [1,2]",
    ),
    row(
        "3154 array_to_json(anyarray, bool) json stable context",
        _lines_to_json,
        "An array as JSON, perhaps in lines.",
        "'{1,2}'::int4[], false -> [1,2]",
    ),
    row(
        "3155 row_to_json(record) json stable context",
        _to_json,
        "A row as JSON.",
        'ROW(1,\'a\') -> {"f1":1,"f2":"a"}',
    ),
    row(
        "3156 row_to_json(record, bool) json stable context",
        _lines_to_json,
        "A row as JSON, perhaps in lines.",
        'ROW(1,\'a\'), false -> {"f1":1,"f2":"a"}',
    ),
    row(
        "3198 json_build_array(variadic any) json stable lax context",
        _build_array,
        "An array of values.",
        """1, 'a', NULL -> [1, "a", null]""",
    ),
    row(
        "3199 json_build_array() json stable lax context", _build_array, "An empty array.", " -> []"
    ),
    row(
        "3200 json_build_object(variadic any) json stable lax context",
        _build_object,
        "An object of keys and values.",
        """'a', 1, 'b', NULL -> {"a" : 1, "b" : null}""",
    ),
    row(
        "3201 json_build_object() json stable lax context",
        _build_object,
        "An empty object.",
        " -> {}",
    ),
    row(
        "3271 jsonb_build_array(variadic any) jsonb stable lax context",
        _build_jsonb_array,
        "An array of values.",
        """1, 'a', NULL -> [1, "a", null]""",
    ),
    row(
        "3272 jsonb_build_array() jsonb stable lax context",
        _build_jsonb_array,
        "An empty array.",
        " -> []",
    ),
    row(
        "3273 jsonb_build_object(variadic any) jsonb stable lax context",
        _build_jsonb_object,
        "An object of keys and values.",
        """'b', 1, 'a', NULL -> {"a": null, "b": 1}""",
    ),
    row(
        "3274 jsonb_build_object() jsonb stable lax context",
        _build_jsonb_object,
        "An empty object.",
        " -> {}",
    ),
    row(
        "3202 json_object(_text) json",
        lambda array: _json_of_pairs(_text_pairs(array)),
        "An object of texts.",
        '\'{a,1,b,2}\' -> {"a" : "1", "b" : "2"}',
    ),
    row(
        "3203 json_object(_text, _text) json",
        lambda keys, values: _json_of_pairs(_checked_pairs(keys.items, values.items)),
        "An object of keys and texts.",
        '\'{a,b}\', \'{1,2}\' -> {"a" : "1", "b" : "2"}',
    ),
    row(
        "3263 jsonb_object(_text) jsonb",
        lambda array: _jsonb_of_pairs(_text_pairs(array)),
        "An object of texts.",
        '\'{a,1,b,2}\' -> {"a": "1", "b": "2"}',
    ),
    row(
        "3264 jsonb_object(_text, _text) jsonb",
        lambda keys, values: _jsonb_of_pairs(_checked_pairs(keys.items, values.items)),
        "An object of keys and texts.",
        '\'{a,b}\', \'{1,2}\' -> {"a": "1", "b": "2"}',
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
        _to_number("real", float),
        "The number that it is.",
        "'1.5' -> 1.5",
    ),
    row(
        "2580 float8(jsonb) float8",
        _to_number("double precision", float),
        "The number that it is.",
        "'1.5' -> 1.5",
    ),
)
