"""json and jsonb made of values of any type, and scalars taken out of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    NullValueNotAllowed,
)
from server.functions.declare import row
from server.functions.json_text import (
    nullable_to_json,
    value_to_json,
    value_to_jsonb,
)
from server.types.array import Array
from server.types.jsonb import Jsonb, make_object, quote
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.functions.function import CallContext


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


KEYS_ARE_TEXT: Final = "Object keys should be text."


def key_of(context: CallContext, index: int, key: Any, shown: str, hint: str = "") -> str:
    """A key of an object out of an argument; what is refused where it is NULL is shown."""
    if key is None:
        raise InvalidParameterValue(shown, hint=hint)
    if isinstance(key, Array | Jsonb | Record) or _argument_type(context, index).name == "json":
        raise InvalidParameterValue("key value must be scalar, not array, composite, or json")
    shown = nullable_to_json(key, _argument_type(context, index), context)
    return str(json.loads(shown)) if shown.startswith('"') else shown


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
        name = key_of(context, index, key, f"argument {index + 1} cannot be null", KEYS_ARE_TEXT)
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
        name = key_of(context, index, key, f"argument {index + 1}: key must not be null")
        pairs.append((name, value_to_jsonb(value, _argument_type(context, index + 1), context)))
    return Jsonb(make_object(pairs))


def _text_pairs(array: Array) -> list[tuple[str, str | None]]:
    items: Sequence[Any] = array.items
    if len(array.dimensions) > 2 or (len(array.dimensions) == 2 and array.dimensions[1][0] != 2):
        raise ArraySubscriptError("array must have two columns")
    if len(items) % 2:
        raise ArraySubscriptError("array must have even number of elements")
    return _checked_pairs(items[::2], items[1::2])


def _two_lists(keys: Array, values: Array) -> list[tuple[str, str | None]]:
    if len(keys.dimensions) > 1 or len(keys.dimensions) != len(values.dimensions):
        raise ArraySubscriptError("wrong number of array subscripts")
    return _checked_pairs(keys.items, values.items)


def _checked_pairs(keys: Sequence[Any], values: Sequence[Any]) -> list[tuple[str, str | None]]:
    if len(keys) != len(values):
        raise ArraySubscriptError("mismatched array dimensions")
    if None in keys:
        raise NullValueNotAllowed("null value not allowed for object key")
    return list(zip(keys, values, strict=True))


def _json_of_pairs(pairs: Sequence[tuple[str, str | None]]) -> str:
    shown = [f"{quote(key)} : {'null' if value is None else quote(value)}" for key, value in pairs]
    return "{" + ", ".join(shown) + "}"


def _jsonb_of_pairs(pairs: Sequence[tuple[str, Any]]) -> Jsonb:
    return Jsonb(make_object(list(pairs)))


FUNCTIONS: Final = (
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
        lambda keys, values: _json_of_pairs(_two_lists(keys, values)),
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
        lambda keys, values: _jsonb_of_pairs(_two_lists(keys, values)),
        "An object of keys and texts.",
        '\'{a,b}\', \'{1,2}\' -> {"a": "1", "b": "2"}',
    ),
)
