"""Pseudo-types: what functions declare but no column can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from server.errors import FeatureNotSupported
from server.types.array import AnyArray, format_array, send_array
from server.types.facts import FACTS, define
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type


def _define_pseudo(name: str, **codecs: Any) -> Type:
    """Make a type that has no values of its own; codecs: what it can do nevertheless."""

    def refuse_input() -> NoReturn:
        raise FeatureNotSupported(f"cannot accept a value of type {name}")

    def refuse_output() -> NoReturn:
        raise FeatureNotSupported(f"cannot display a value of type {name}")

    refused = {
        "parse": lambda _text, _modifier, _style: refuse_input(),
        "format": lambda _value, _style: refuse_output(),
        "receive": lambda _data, _modifier: refuse_input(),
        "send": lambda _value: refuse_output(),
    }
    return define(name, dtype=OBJECTS, storage_kind="BYTES", **(refused | codecs))


def _empty_text(_value: object, _style: TextStyle) -> str:
    return ""


def _known_element(value: AnyArray) -> Type:
    assert value.element_type is not None
    return value.element_type


ANY_ARRAY: Final = _define_pseudo(
    "anyarray",
    format=lambda value, style: format_array(value, _known_element(value), style),
    send=lambda value: send_array(value, _known_element(value)),
)

VOID: Final = define(
    "void",
    dtype=OBJECTS,
    storage_kind="BYTES",
    parse=lambda _text, _modifier, _style: "",
    format=_empty_text,
    receive=lambda _data, _modifier: "",
    send=lambda _value: b"",
    store_value=lambda _value, _modifier: b"",
    load_value=lambda _stored, _modifier: "",
)

DEFINED_ELSEWHERE: Final = frozenset({"void", "anyarray", "record", "cstring", "unknown"})
PSEUDO_TYPES: Final = (
    VOID,
    ANY_ARRAY,
    *(
        _define_pseudo(name)
        for name, facts in FACTS.items()
        if facts["kind"] == "p" and name not in DEFINED_ELSEWHERE
    ),
)
