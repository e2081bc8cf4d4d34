"""The input and output functions of types: int4in, int4out, and those of type modifiers.

Calling one by name reads or writes a value as a literal or a result of its type is read or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.functions.catalog_rows import catalog_rows
from server.functions.cataloged import catalog_name, cataloged
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import CallContext, Function
    from server.types.array import Array
    from server.types.type import Type

# The type they read is told by their second argument and not by pg_proc.
POLYMORPHIC: Final = frozenset(
    ("array_in", "record_in", "enum_in", "range_in", "multirange_in", "domain_in", "anyarray_in")
)


def _read(context: CallContext, text: str, _oid: int = 0, modifier: int | None = -1) -> Any:
    kind = context.result.type
    value = kind.parse(text, -1, context.style)
    if modifier is None or modifier < 0:
        return value
    if kind.coerce is None:
        return kind.parse(text, modifier, context.style)
    return kind.coerce(value, modifier, False)


def _written(context: CallContext, value: Any) -> str:
    return context.arguments[0].type.format(value, context.style)


def _modifier_reader(kind: Type) -> Callable[[Array], int]:
    def read(words: Array) -> int:
        assert kind.modifier_in is not None
        items = (int(word) if word.lstrip("-").isdigit() else word for word in words.items)
        return kind.modifier_in(tuple(items))

    return read


def _functions() -> Iterator[Function]:
    seen: set[int] = {0}
    for line in catalog_rows("pg_type"):
        kind = TYPE_BY_OID.get(int(line["oid"]))
        if kind is None:
            continue
        called: tuple[tuple[str, str, Callable[..., Any], bool], ...] = (
            ("typinput", "Read a value", _read, True),
            ("typoutput", "Write a value", _written, True),
            ("typmodin", "Read the modifier", _modifier_reader(kind), False),
            ("typmodout", "Write the modifier", kind.modifier_out or str, False),
        )
        for column, doc, implementation, in_context in called:
            oid = int(line[column])
            if oid in seen or catalog_name(oid) in POLYMORPHIC:
                continue
            seen.add(oid)
            said = f"{doc} of type {kind.sql_name}."
            yield cataloged(catalog_name(oid), implementation, said, needs_context=in_context)


FUNCTIONS: Final = tuple(_functions())
