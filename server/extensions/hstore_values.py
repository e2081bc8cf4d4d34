"""What hstore values become: rows, JSON with numbers and booleans, and the bytes that PostgreSQL hashes."""

from __future__ import annotations

import re
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import DatatypeMismatch
from server.functions.hashing import hash_bytes, signed
from server.types.jsonb import Jsonb, make_object, quote
from server.types.record import Record
from server.types.type import TypeReference

if TYPE_CHECKING:
    from server.extensions.hstore import Hstore
    from server.functions.function import CallContext

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS: Final = {"t": True, "f": False}
_NEW_VERSION: Final = 1 << 31
_FIRST: Final = 1 << 31
_NULL: Final = 1 << 30


def populate(call: CallContext, base: Any, value: Hstore | None) -> Any:
    """A row with the fields that the value has; of a NULL row a new one."""
    kind = call.arguments[0].type
    fields = tuple(kind.fields)
    if not fields and isinstance(base, Record):
        fields = tuple(zip(base.names, map(TypeReference, base.types), strict=True))
    if not fields:
        raise DatatypeMismatch("first argument must be a rowtype")
    if value is None:
        return base
    items = value.items()
    found: list[Any] = []
    types = []
    for place, (name, reference) in enumerate(fields):
        types.append(reference.type)
        if name not in items:
            found.append(None if base is None else base[place])
            continue
        text = items[name]
        found.append(
            None if text is None else reference.type.parse(text, reference.modifier, call.style)
        )
    return Record.of(found, tuple(types), tuple(name for name, _ in fields))


def to_json_loose(value: Hstore) -> str:
    """JSON in which numbers and booleans are not quoted."""
    fields = []
    for key, item in value.pairs:
        if item is None:
            shown = "null"
        elif item in _WORDS:
            shown = "true" if _WORDS[item] else "false"
        else:
            shown = item if _NUMBER.fullmatch(item) else quote(item)
        fields.append(f"{quote(key)}: {shown}")
    return "{" + ", ".join(fields) + "}"


def to_jsonb_loose(value: Hstore) -> Jsonb:
    """The same as jsonb."""
    pairs: list[tuple[str, Any]] = []
    for key, item in value.pairs:
        made: Any = item
        if item is not None and item in _WORDS:
            made = _WORDS[item]
        elif item is not None and _NUMBER.fullmatch(item):
            made = Decimal(item) + 0 if Decimal(item) == 0 else Decimal(item)
        pairs.append((key, made))
    return Jsonb(make_object(pairs))


def _laid_out(value: Hstore) -> bytes:
    """The bytes that PostgreSQL keeps: how many pairs, where each text ends, and the texts."""
    ends, texts, at = [], [], 0
    for key, item in value.pairs:
        for text in (key, item):
            encoded = b"" if text is None else text.encode()
            at += len(encoded)
            texts.append(encoded)
            ends.append(at | _NULL * (text is None))
    if ends:
        ends[0] |= _FIRST
    head = struct.pack(f"<I{len(ends)}I", len(value.pairs) | _NEW_VERSION, *ends)
    return head + b"".join(texts)


def hash_hstore(value: Hstore) -> int:
    """The hash in 32 bits."""
    return signed(hash_bytes(_laid_out(value), 0), 32)


def hash_hstore_extended(value: Hstore, seed: int) -> int:
    """The hash in 64 bits, with a seed."""
    return signed(hash_bytes(_laid_out(value), seed & (1 << 64) - 1), 64)
