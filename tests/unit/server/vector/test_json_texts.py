"""Parts of JSON texts found where they lie, compiled and as specified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.vector import json_texts, native
from server.vector.text_views import texts_of, views_of

FUNCTIONS = [native, json_texts]
DOCUMENTS = [
    '{"a": 1, "b": "x", "c": {"a": [1, 2, {"b": null}]}, "d": true}',
    ' { "a" : "a long text, longer than a view" , "a" : "the last one" } ',
    '{"a": "with \\" escape", "b": null, "long key of more than twelve": -1.50}',
    '{"\\u0061": 1, "b": 2}',
    "{}",
    "[]",
    '[1, "two", [3], {"a": 4}, null, false]',
    "5",
    '"a"',
    "null",
    '{"a":{"b":"}]"},"b":[",",":"]}',
    '{"ä": "ö", "a": "Grüße aus Köln"}',
]
BROKEN = [
    "",
    " ",
    "{",
    "[1,]",
    '{"a"}',
    '{"a":1,}',
    "01",
    "1.",
    "-",
    "tru",
    '"\n"',
    '"',
    "1 2",
    "]",
    "{1:2}",
]
UNSURE = ["1e5", '"\\u0041"', "[" * 80 + "]" * 80, "1" * 101]


def stored(texts: list[str]) -> tuple[Any, Any]:
    return views_of([text.encode() for text in texts])


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_what_is_json(functions: Any):
    assert functions.are_json(*stored(DOCUMENTS[:3] + DOCUMENTS[4:])).all()
    assert not functions.are_json(*stored(BROKEN)).any()
    assert not functions.are_json(*stored(UNSURE)).any()


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("key", ["a", "b", "ä", "long key of more than twelve", ""])
def test_members(functions: Any, key: str):
    store, views = stored(DOCUMENTS)
    made, kinds = functions.member_views(store, views, key.encode(), False)
    for text, part, kind in zip(DOCUMENTS, texts_of(store, made), kinds, strict=True):
        document = json.loads(text)
        if "u0061" in text:
            assert kind == json_texts.STRANGE
        elif isinstance(document, dict) and key in document:
            assert json.loads(part) == document[key]
            assert kind not in {json_texts.STRANGE, json_texts.ABSENT}
        else:
            assert kind == json_texts.ABSENT


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("index", [0, 1, 5, 6, -1, -6, -7])
def test_items(functions: Any, index: int):
    store, views = stored(DOCUMENTS)
    made, kinds = functions.item_views(store, views, index, False)
    for text, part, kind in zip(DOCUMENTS, texts_of(store, made), kinds, strict=True):
        document = json.loads(text)
        if not isinstance(document, list):
            assert kind == (json_texts.ABSENT if isinstance(document, dict) else json_texts.STRANGE)
        elif -len(document) <= index < len(document):
            assert json.loads(part) == document[index]
        else:
            assert kind == json_texts.ABSENT


def test_both_say_the_same():
    for texts in (DOCUMENTS, ['[1,"a","\\n"]', '{"a":"\\n","b":"x"}']):
        store, views = stored(texts)
        for as_text in (False, True):
            for step in (b"a", b"b"):
                one, other = (f.member_views(store, views, step, as_text) for f in FUNCTIONS)
                assert list(texts_of(store, one[0])) == list(texts_of(store, other[0]))
                assert one[1].tolist() == other[1].tolist()
            for index in (0, -1, 1):
                one, other = (f.item_views(store, views, index, as_text) for f in FUNCTIONS)
                assert list(texts_of(store, one[0])) == list(texts_of(store, other[0]))
                assert one[1].tolist() == other[1].tolist()
