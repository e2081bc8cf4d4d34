"""Pseudo-types: what functions declare but no column can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from server.errors import FeatureNotSupported
from server.types.facts import FACTS, define
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type


def _define_pseudo(name: str) -> Type:
    """Make a type that has no values of its own."""

    def refuse_input() -> NoReturn:
        raise FeatureNotSupported(f"cannot accept a value of type {name}")

    def refuse_output() -> NoReturn:
        raise FeatureNotSupported(f"cannot display a value of type {name}")

    return define(
        name,
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=lambda _text, _modifier, _style: refuse_input(),
        format=lambda _value, _style: refuse_output(),
        receive=lambda _data, _modifier: refuse_input(),
        send=lambda _value: refuse_output(),
    )


def _empty_text(_value: object, _style: TextStyle) -> str:
    return ""


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

DEFINED_ELSEWHERE: Final = frozenset({"void", "record", "cstring", "unknown"})
PSEUDO_TYPES: Final = (
    VOID,
    *(
        _define_pseudo(name)
        for name, facts in FACTS.items()
        if facts["kind"] == "p" and name not in DEFINED_ELSEWHERE
    ),
)
