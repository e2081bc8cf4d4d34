"""Texts made of others, in a store of their own: gathered, joined, in other letters, with other pieces, turned; digits.

The specification of native/made_texts.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.text_views import texts_of, views_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.vector.column import Mask, Positions, Values

    Texts = tuple[Values, Values]


def gathered_texts(parts: Sequence[Texts], look: Callable[[], None] | None = None) -> Texts:
    """Texts of several stores one below the other, in one store; look is called before each part, and may raise."""
    texts: list[bytes] = []
    for store, views in parts:
        if look is not None:
            look()
        texts += texts_of(store, views)
    return views_of(texts)


def joined_texts(columns: Sequence[Texts]) -> Texts:
    """The texts of several columns, row by row one behind the other."""
    rows = zip(*[texts_of(store, views) for store, views in columns], strict=True)
    return views_of([b"".join(row) for row in rows])


def integer_texts(values: Values) -> Texts:
    """The digits of integers, of up to 64 bits."""
    return views_of([b"%d" % value for value in values.tolist()])


def number_texts(
    fields: Sequence[Values],
    widths: Sequence[int],
    literals: Sequence[bytes],
    negative: Mask | None = None,
    fraction: Values | None = None,
) -> Texts:
    """The digits of several numbers, row by row one behind the other.

    None is negative; each has zeros before it up to its width, a literal before each and one behind the last.
    negative: where a sign comes first. fraction: millionths, shown last, as far as they are not zero.
    """
    template = b"".join(
        literal.replace(b"%", b"%%") + b"%%0%dd" % width
        for literal, width in zip(literals, [*widths, 0], strict=True)
    )[: -len(b"%00d")]
    made = [template % row for row in zip(*[field.tolist() for field in fields], strict=True)]
    if negative is not None:
        signs = negative.tolist()
        made = [b"-" + text if sign else text for text, sign in zip(made, signs, strict=True)]
    if fraction is not None:
        rest = (b".%06d" % each if each else b"" for each in fraction.tolist())
        made = [text + more.rstrip(b"0") for text, more in zip(made, rest, strict=True)]
    return views_of(made)


def strung_texts(
    store: Values, views: Values, groups: Positions, group_count: int, delimiter: bytes
) -> Texts:
    """The texts of each group in their order, with a delimiter between them; empty for groups without texts."""
    members: list[list[bytes]] = [[] for _ in range(group_count)]
    for group, text in zip(groups.tolist(), texts_of(store, views), strict=True):
        members[group].append(text)
    return views_of([delimiter.join(texts) for texts in members])


def folded_texts(
    store: Values, views: Values, capital: bool, letters: Values
) -> tuple[Values, Values, Mask]:
    """Texts with small letters for capitals, or the other way round; and which have letters without one.

    letters: by code point what stands for it, as many bytes of UTF-8, or 0; those of ASCII are not asked for.
    """
    texts = [text.decode() for text in texts_of(store, views)]
    others = dict(enumerate(letters.tolist()))
    others |= {
        code: ord(chr(code).upper() if capital else chr(code).lower()) for code in range(128)
    }
    strange = [any(not others.get(ord(each)) for each in text if each != "\0") for text in texts]
    made = [
        text if is_strange else text.translate(others)
        for text, is_strange in zip(texts, strange, strict=True)
    ]
    return *views_of([text.encode() for text in made]), np.array(strange, np.bool_)


def replaced_texts(store: Values, views: Values, old: bytes, new: bytes) -> Texts:
    """Texts with a new piece for each occurrence of an old one, which is not empty."""
    return views_of([text.replace(old, new) for text in texts_of(store, views)])


def reversed_texts(store: Values, views: Values) -> Texts:
    """Texts with their characters the other way round."""
    return views_of([text.decode()[::-1].encode() for text in texts_of(store, views)])
