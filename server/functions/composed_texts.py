"""Kernels of functions that put texts together out of pieces: padded, repeated, overwritten, quoted, letter by letter.

What stands in a store is cut where it lies and joined by compiled code; constants come as one text for all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.text_kernels import INTEGERS, TO_THE_END, TRUTHS, each, rows_left, with_rows
from server.functions.text_operations import (
    BYTES_MAX,
    _ascii,
    _bits,
    _lpad,
    _octets,
    _overlay,
    _repeat,
    _rpad,
    _starts_with,
    _translate,
    _translation,
    quoted_literal,
)
from server.types.letters import initial_capitals
from server.vector.column import Column
from server.vector.native import (
    capitalized_texts,
    character_counts,
    joined_texts,
    part_positions,
    ranged_views,
    sliced_views,
    translated_texts,
    views_among,
)
from server.vector.rows import constant_value, is_constant
from server.vector.text_views import views_of
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Values

    Made = Callable[..., Column | None]

PADDED_CHARACTERS_MAX: Final = 4096
REPEATED_MAX: Final = 64
BYTE_COUNT: Final = 256
DROPPED: Final = -1


def _with_constants(operation: Callable[..., Any], made: Made, dtype: Any = None) -> Kernel:
    """Compiled code makes the texts of a store, if the other arguments are constant and suit it; None: they do not."""
    rows = each(operation) if dtype is None else each(operation, dtype)

    def kernel(context: CallContext, texts: Column, *others: Column, count: int) -> Column:
        if isinstance(texts, TextColumn) and len(texts) and all(map(is_constant, others)):
            found = made(texts, *[constant_value(column) for column in others])
            if found is not None:
                return found
        return rows(context, texts, *others, count=count)

    return kernel


def _same(text: str, count: int) -> tuple[Values, Values]:
    """One text for all rows."""
    store, views = views_of([text.encode()])
    return store, np.repeat(views, count)


def _lengths(texts: TextColumn) -> Values:
    """Bytes of each text."""
    lengths: Values = np.ascontiguousarray(texts.views).view(np.uint32)[::4]
    return lengths


def _padded(left: bool) -> Made:
    def made(texts: TextColumn, length: int, fill: str = " ") -> Column | None:
        width = max(length, 0)
        if width > PADDED_CHARACTERS_MAX:
            return None
        kept = sliced_views(texts.store, texts.views, 0, width)
        if not fill:
            return texts.with_views(kept)
        missing = np.maximum(width - character_counts(texts.store, texts.views).astype(np.int64), 0)
        store, views = _same((fill * (width // len(fill) + 1))[:width], len(texts))
        padding = ranged_views(store, views, np.zeros(len(texts), np.int64), missing)
        pieces = [(store, padding), (texts.store, kept)]
        return texts.in_store(*joined_texts(pieces if left else pieces[::-1]))

    return made


def _repeated(texts: TextColumn, count: int) -> Column | None:
    if not 0 < count <= REPEATED_MAX or int(_lengths(texts).max()) * count > BYTES_MAX:
        return None
    return texts.in_store(*joined_texts([(texts.store, texts.views)] * count))


def _overlaid(texts: TextColumn, new: str, start: int, length: int | None = None) -> Column | None:
    count = len(new) if length is None else length
    if start <= 0 or start + count >= TO_THE_END:
        return None
    before = sliced_views(texts.store, texts.views, 0, start - 1)
    behind = sliced_views(texts.store, texts.views, max(start - 1 + count, 0), TO_THE_END)
    pieces = [(texts.store, before), _same(new, len(texts)), (texts.store, behind)]
    return texts.in_store(*joined_texts(pieces))


def _translated(texts: TextColumn, old: str, new: str) -> Column | None:
    if not (old.isascii() and new.isascii()):
        return None
    table = np.arange(BYTE_COUNT, dtype=np.int16)
    for code, other in _translation(old, new).items():
        table[code] = DROPPED if other is None else other
    return texts.in_store(*translated_texts(texts.store, texts.views, table))


def _capitalized(texts: TextColumn) -> Column:
    store, views, strange = capitalized_texts(texts.store, texts.views)
    return with_rows(texts.in_store(store, views), texts, strange, initial_capitals)


def _quoted(texts: TextColumn) -> Column:
    mark = _same("'", len(texts))
    strange = part_positions(texts.store, texts.views, b"'") > 0
    strange |= part_positions(texts.store, texts.views, b"\\") > 0
    made = texts.in_store(*joined_texts([mark, (texts.store, texts.views), mark]))
    return with_rows(made, texts, strange, quoted_literal)


def _begun(texts: TextColumn, prefix: str) -> Column:
    begins = sliced_views(texts.store, texts.views, 0, len(prefix))
    return Column(views_among(texts.store, begins, [prefix.encode()], False), texts.valid)


def _first_codes(texts: TextColumn) -> Column:
    views = np.ascontiguousarray(texts.views)
    first = views.view(np.uint8)[4::16]  # the prefix of a view follows its length
    codes = np.where(_lengths(texts) > 0, first, 0).astype(np.int32)
    for place, text in rows_left(texts, codes >= ord("\x80")):
        codes[place] = _ascii(text)
    return Column(codes, texts.valid)


def _byte_counts(bits: int) -> Made:
    return lambda texts: Column((_lengths(texts) * bits).astype(np.int32), texts.valid)


LPAD: Final = _with_constants(_lpad, _padded(left=True))
RPAD: Final = _with_constants(_rpad, _padded(left=False))
REPEAT: Final = _with_constants(_repeat, _repeated)
OVERLAY: Final = _with_constants(_overlay, _overlaid)
TRANSLATE: Final = _with_constants(_translate, _translated)
INITCAP: Final = _with_constants(initial_capitals, _capitalized)
QUOTE_LITERAL: Final = _with_constants(quoted_literal, _quoted)
STARTS_WITH: Final = _with_constants(_starts_with, _begun, TRUTHS)
FIRST_CODE: Final = _with_constants(_ascii, _first_codes, INTEGERS)
OCTETS: Final = _with_constants(_octets, _byte_counts(1), INTEGERS)
BITS: Final = _with_constants(_bits, _byte_counts(8), INTEGERS)
