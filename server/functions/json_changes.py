"""jsonb values changed: joined, members and items set, added and removed; shown in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NullValueNotAllowed,
)
from server.functions.declare import row
from server.functions.json import ABSENT, at_path, integer_of, path_of
from server.functions.json_text import as_text, items_of, kind_of, members_of
from server.types.array import Array
from server.types.jsonb import Jsonb, make_object, quote, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


def _one_dimensional(path: Array) -> None:
    if len(path.dimensions) > 1:
        raise ArraySubscriptError("wrong number of array subscripts")


def _delete_keys(value: Jsonb, keys: Array) -> Jsonb:
    _one_dimensional(keys)
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot delete from scalar")
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
    _one_dimensional(path)
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot delete path in scalar")
    if not value.value:
        return value
    return Jsonb(_changed(value.value, path.items, lambda old: ABSENT, False))


def _changed(
    value: Any, path: Sequence[str | None], change: Callable[[Any], Any], create: bool, at: int = 1
) -> Any:
    """The value with what stands at a path changed; change(ABSENT) gives what is missing."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if step is None:
        raise NullValueNotAllowed(f"path element at position {at} is null")
    if isinstance(value, dict):
        return _changed_member(value, step, rest, change, create, at)
    if isinstance(value, list):
        return _changed_item(value, step, rest, change, create, at)
    return value


def _changed_member(
    value: dict[str, Any],
    step: str,
    rest: Sequence[str | None],
    change: Any,
    create: bool,
    at: int,
) -> dict[str, Any]:
    old = value.get(step, ABSENT)
    if rest:
        new = old if old is ABSENT else _changed(old, rest, change, create, at + 1)
    elif old is ABSENT and not create:
        return value
    else:
        new = change(old)
    others = [(key, item) for key, item in value.items() if key != step]
    return make_object(others if new is ABSENT else [*others, (step, new)])


def _not_an_integer(step: str, at: int) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'path element at position {at} is not an integer: "{step}"')


def _changed_item(
    value: list[Any],
    step: str,
    rest: Sequence[str | None],
    change: Any,
    create: bool,
    at: int,
) -> list[Any]:
    index = integer_of(step)
    if index is None:
        raise _not_an_integer(step, at)
    inside = -len(value) <= index < len(value)
    if inside:
        position = index % len(value)
        new = (
            _changed(value[position], rest, change, create, at + 1)
            if rest
            else change(value[position])
        )
        middle = [] if new is ABSENT else [new]
        return [*value[:position], *middle, *value[position + 1 :]]
    if rest or not create:
        return value
    new = change(ABSENT)
    return [new, *value] if index < 0 else [*value, new]


def _set(value: Jsonb, path: Array, new: Jsonb, create: bool = True) -> Jsonb:
    _one_dimensional(path)
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot set path in scalar")
    if not value.value and not create:
        return value
    return Jsonb(_changed(value.value, path.items, lambda old: new.value, create))


def _set_lax(
    value: Jsonb | None,
    path: Array | None,
    new: Jsonb | None,
    create: bool | None = True,
    treatment: str | None = "use_json_null",
) -> Jsonb | None:
    if value is None or path is None or create is None:
        return None
    if treatment is None or (new is None and treatment not in _NULL_TREATMENTS):
        raise InvalidParameterValue(
            'null_value_treatment must be "delete_key", "return_target", "use_json_null", or '
            '"raise_exception"'
        )
    if new is not None:
        return _set(value, path, new, create)
    if treatment == "raise_exception":
        raise NullValueNotAllowed(
            "JSON value must not be null",
            detail='Exception was raised because null_value_treatment is "raise_exception".',
            hint="To avoid, either change the null_value_treatment argument or ensure that an SQL "
            "NULL is not passed.",
        )
    if treatment == "return_target":
        return value
    if treatment == "delete_key":
        return _delete_path(value, path)
    return _set(value, path, Jsonb(None), create)


_NULL_TREATMENTS: Final = ("delete_key", "return_target", "use_json_null", "raise_exception")


def _check_steps(value: Any, path: Sequence[str | None]) -> None:
    """Refuse a path with a step that is NULL, or no number where an array stands."""
    for at, step in enumerate(path, 1):
        if step is None:
            raise NullValueNotAllowed(f"path element at position {at} is null")
        if isinstance(value, dict) and step in value:
            value = value[step]
            continue
        if not isinstance(value, list):
            return
        index = integer_of(step)
        if index is None:
            raise _not_an_integer(step, at)
        if not -len(value) <= index < len(value):
            return
        value = value[index]


def _insert(value: Jsonb, path: Array, new: Jsonb, after: bool = False) -> Jsonb:
    _one_dimensional(path)
    if not isinstance(value.value, dict | list):
        raise InvalidParameterValue("cannot set path in scalar")
    if not path.items:
        return value
    _check_steps(value.value, path.items)
    parent = (
        at_path(value, Array(25, ((len(path.items) - 1, 1),), path.items[:-1]))
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
    index = integer_of(path.items[-1])
    if index is None:
        raise _not_an_integer(path.items[-1], len(path.items))
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


def _json_without_nulls(text: str) -> str:
    """JSON text without its null members, otherwise as written: keys that come twice, numbers digit by digit."""
    kind = kind_of(text)
    if kind == "object":
        members = (
            f"{quote(key)}:{_json_without_nulls(part)}"
            for key, part in members_of(text)
            if kind_of(part) != "null"
        )
        return "{" + ",".join(members) + "}"
    if kind == "array":
        return "[" + ",".join(map(_json_without_nulls, items_of(text))) + "]"
    return quote(as_text(text) or "") if kind == "string" else text.strip()


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


FUNCTIONS: Final = (
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
        "3343 jsonb_delete(from_json jsonb, variadic path_elems _text) jsonb",
        lambda value, *keys: _delete_keys(value, path_of(keys)),
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
        "3305 jsonb_set(jsonb_in jsonb, path _text, replacement jsonb, create_if_missing bool = true) jsonb",
        _set,
        "Another value at a path.",
        """'{"a":[1,2]}', '{a,0}', '9', true -> {"a": [9, 2]}""",
    ),
    row(
        "5054 jsonb_set_lax(jsonb_in jsonb, path _text, replacement jsonb, create_if_missing bool = "
        "true, null_value_treatment text = 'use_json_null') jsonb lax",
        _set_lax,
        "Another value at a path; NULL is treated as told.",
        """'{"a":1}', '{a}', NULL, true, 'delete_key' -> {}""",
    ),
    row(
        "3579 jsonb_insert(jsonb_in jsonb, path _text, replacement jsonb, insert_after bool = false) jsonb",
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
        _json_without_nulls,
        "Without members that are null.",
        """'{"a":1, "b":null}' -> {"a":1}""",
    ),
    row(
        "3306 jsonb_pretty(jsonb) text",
        lambda value: _pretty(value.value),
        "Indented text.",
        "'[1]' -> [\n    1\n]",
    ),
)
