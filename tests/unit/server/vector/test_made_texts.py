"""Texts cut where they lie and texts made of others, compiled and as specified."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from server.functions.text_kernels import _letters
from server.functions.text_operations import _left, _right, _split_part, _trim
from server.types.letters import lower, upper
from server.vector import cut_texts, made_texts, md5_texts, native
from server.vector.text_views import texts_of, views_of

CUT = [native, cut_texts]
MADE = [native, made_texts]
WORDS = [
    "",
    "a",
    ",",
    ",,",
    "a,b,c",
    "one,two,three,four and more of it",
    "  blanks at both ends of it ",
    "Grüße, aus Köln, ähm",
    "日本語,のテキスト,",
    "x" * 30 + "," + "y" * 30,
    "TWELVE BYTES",
    "Thirteen Byte",
]
LETTERS = [
    "ΟΔΟΣ", "Straße", "\u0131I", "İstanbul", "\u017f", "Ÿÿ", "\U0001d518", "ẞ", "ﬁn", "ΑΒΓ αβγ", "\u2c65",
]  # fmt: skip
STRANGE = {False: "İȺȾẞ\U0001d518", True: "\u0131\u017fȿɀⱥ\U0001d518"}
"""Letters of them whose other form has another length."""
STORED = views_of([word.encode() for word in WORDS])


def shown(store: Any, views: Any) -> list[str]:
    return [text.decode() for text in texts_of(store, views)]


@pytest.mark.parametrize("functions", CUT)
@pytest.mark.parametrize("separator", [",", ", ", "", "の"])
@pytest.mark.parametrize("number", [1, 2, 3, 9, -1, -2, -9])
def test_parts(functions: Any, separator: str, number: int):
    views = functions.part_views(*STORED, separator.encode(), number)
    assert shown(STORED[0], views) == [_split_part(word, separator, number) for word in WORDS]


@pytest.mark.parametrize("functions", CUT)
@pytest.mark.parametrize("count", [0, 1, 3, 14, 100])
def test_ends(functions: Any, count: int):
    last = functions.end_views(*STORED, count, True)
    assert shown(STORED[0], last) == [_right(word, count) for word in WORDS]
    if count:
        first = functions.end_views(*STORED, count, False)
        assert shown(STORED[0], first) == [_left(word, -count) for word in WORDS]


@pytest.mark.parametrize("functions", CUT)
@pytest.mark.parametrize("rows", [0, 1, len(WORDS), 65_535, 65_536, 65_537])
def test_ranges(functions: Any, rows: int):
    places = np.arange(rows)
    words = [WORDS[place % len(WORDS)] for place in range(rows)]
    store, views = STORED[0], np.ascontiguousarray(STORED[1][places % len(WORDS)])
    firsts, counts = places % 7, places % 17 - 1
    cut = functions.ranged_views(store, views, firsts, counts)
    assert shown(store, cut) == [
        word[first : first + max(count, 0)]
        for word, first, count in zip(words, firsts.tolist(), counts.tolist(), strict=True)
    ]


@pytest.mark.parametrize("functions", CUT)
@pytest.mark.parametrize("characters", [" ", "x,", "", "aO"])
@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_trimmed(functions: Any, characters: str, side: str):
    views = functions.trimmed_views(*STORED, characters.encode(), side != "right", side != "left")
    assert shown(STORED[0], views) == [_trim(side)(word, characters) for word in WORDS]


@pytest.mark.parametrize("functions", MADE)
def test_gathered_and_joined(functions: Any):
    other = views_of([word.encode() for word in reversed(WORDS)])
    assert shown(*functions.gathered_texts([STORED, other])) == [*WORDS, *reversed(WORDS)]
    joined = [word + back for word, back in zip(WORDS, reversed(WORDS), strict=True)]
    assert shown(*functions.joined_texts([STORED, other])) == joined


@pytest.mark.parametrize("functions", MADE)
@pytest.mark.parametrize("capital", [False, True])
def test_other_case(functions: Any, capital: bool):
    change = upper if capital else lower
    words = [
        *WORDS,
        *LETTERS,
        "".join(map(chr, range(1, 0x250))),
        "ЗАГОЛОВОК из Букв, — и Знаков €",
    ]
    stored = views_of([word.encode() for word in words])
    store, views, strange = functions.folded_texts(*stored, capital, _letters(capital))
    assert strange.tolist() == [any(map(STRANGE[capital].__contains__, word)) for word in words]
    for word, made, is_strange in zip(words, shown(store, views), strange.tolist(), strict=True):
        assert is_strange or made == change(word)


@pytest.mark.parametrize(("capital", "change"), [(False, lower), (True, upper)])
def test_letters_stand_for_themselves(capital: bool, change: Any):
    letters = _letters(capital)
    for code in np.flatnonzero(letters).tolist():
        before, after = (chr(code), f"a{chr(code)}b")
        assert change(before) == chr(letters[code])
        assert change(after) == change("a") + chr(letters[code]) + change("b")


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
def test_other_case_of_many(rows: int):
    places = np.arange(rows) % len(WORDS)
    views = np.ascontiguousarray(STORED[1][places])
    store, views, strange = native.folded_texts(STORED[0], views, True, _letters(True))
    assert not strange.any()
    assert shown(store, views) == [upper(WORDS[place]) for place in places.tolist()]


@pytest.mark.parametrize("functions", MADE)
@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
def test_reversed(functions: Any, rows: int):
    words = [*WORDS, *LETTERS, "", "a€𝄞é", "over twelve bytes: ä€𝄞z"]
    store, views = views_of([word.encode() for word in words])
    places = np.arange(rows) % len(words)
    found = shown(*functions.reversed_texts(store, views[places]))
    assert found == [words[place][::-1] for place in places.tolist()]


@pytest.mark.parametrize("functions", [native, md5_texts])
def test_md5(functions: Any):
    """Of every length around the ends of blocks."""
    texts = [("é" if n % 7 == 3 else "") + "x" * n for n in range(200)] + [
        word * 50 for word in WORDS
    ]
    digests = shown(*functions.md5_texts(*views_of([text.encode() for text in texts])))
    assert digests == [hashlib.md5(text.encode()).hexdigest() for text in texts]


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
def test_md5_of_many(rows: int):
    found = native.md5_texts(*views_of([b"%d" % row for row in range(rows)]))
    expected = md5_texts.md5_texts(*views_of([b"%d" % row for row in range(rows)]))
    assert shown(*found) == shown(*expected)


@pytest.mark.parametrize("functions", MADE)
@pytest.mark.parametrize(
    ("old", "new"), [(",", ""), (",", "; "), ("x", "xx"), ("ü", "ue"), ("e", "")]
)
def test_replaced(functions: Any, old: str, new: str):
    made = functions.replaced_texts(*STORED, old.encode(), new.encode())
    assert shown(*made) == [word.replace(old, new) for word in WORDS]


@pytest.mark.parametrize("functions", CUT)
@pytest.mark.parametrize("separator", [",", ", ", "", "の"])
def test_all_parts(functions: Any, separator: str):
    views, counts = functions.split_views(*STORED, separator.encode())
    wanted = [(word.split(separator) if separator else [word]) if word else [] for word in WORDS]
    assert counts.tolist() == [len(parts) for parts in wanted]
    assert shown(STORED[0], views) == [part for parts in wanted for part in parts]
    assert len(functions.split_views(*views_of([]), b",")[0]) == 0


@pytest.mark.parametrize("functions", MADE)
def test_integers(functions: Any):
    numbers = [0, 7, -7, 10, 1234567890123, -(2**63), 2**63 - 1, -100]
    store, views = functions.integer_texts(np.array(numbers))
    assert shown(store, views) == [str(number) for number in numbers]
    store, views = functions.integer_texts(np.array([-5, 300], np.int16))
    assert shown(store, views) == ["-5", "300"]


@pytest.mark.parametrize("functions", MADE)
@pytest.mark.parametrize("delimiter", ["", ", ", "の"])
def test_texts_strung_together(functions: Any, delimiter: str):
    groups = [number * 7 % 4 for number in range(len(WORDS))]
    store, views = functions.strung_texts(*STORED, np.array(groups), 5, delimiter.encode())
    members = [
        [word for group, word in zip(groups, WORDS, strict=True) if group == wanted]
        for wanted in range(5)
    ]
    assert shown(store, views) == [delimiter.join(words) for words in members]
