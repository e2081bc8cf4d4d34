"""Plain JSON text in normal form: both twins give what jsonb's own reader and writer make of it."""

import importlib
import json
import random

import pytest

from server.types.jsonb import read, text_of

TWINS = ["server.types.normal_json", "server.types.native.normal_json"]

PLAIN = [
    "1", "-17", "0", "0.50", "-3.140", "true", "false", "null", '""', '"a b"', "[]", "{}", " [ ] ", "\t{ }\n",
    '{"b":1,"a":2}', '{"aa":1,"b":2}', '{"a":1,"b":2,"a":3}', '{"a":{"z":1,"y":[1,{"d":1,"c":2}]},"A":null}',
    '[1,[2,[3,[]]],{"x":{}}]', '{"\u00e4":1,"zz":2,"z":3}', '"line\\nfeed \\"quoted\\" \\\\ \\t"', '"a\\/b"',
    '{"":1}', '{"a" : "}{][,:" , "b":[ ]}', '{"b":1,"b":2,"b":3}', '["\u20ac", "\U0001f600"]', "9" * 999,
]  # fmt: skip
ODD = [
    "", " ", "1e5", "1.5E-3", "-0", "-0.0", "01", "+1", ".5", "1.", "-", "tru", "nulll", "True", "NaN", "Infinity",
    '"', '"a', '"\\u0041"', '"\\x"', '"a\nb"', '"\t"', "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "{", '{"a"', '{"a":',
    '{"a":1', '{"a":1,', '{"a":1,}', "{a:1}", "{1:2}", '{"a" 1}', "[1]]", "{} {}", "1 2", '{"a\\n":1}', "9" * 1000,
    "[" * 300 + "]" * 300, "\x00", '"a\x00"', "'a'",
]  # fmt: skip


@pytest.fixture(params=TWINS)
def normal_json(request):
    return importlib.import_module(request.param).normal_json


@pytest.mark.parametrize("text", PLAIN)
def test_plain(normal_json, text):
    assert normal_json(text.encode()) == text_of(read(text))


@pytest.mark.parametrize("text", ODD)
def test_odd(normal_json, text):
    assert normal_json(text.encode()) is None


def made(chance, depth):
    kind = chance.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return chance.choice([0, 1, -5, 2.25, 10**20, True, False, None])
    if kind < 5:
        return chance.choice(
            ["", "a", "b", "word", "\u00e4\u00f6", 'q"', "tab\t", "back\\slash", "\u20ac" * 3]
        )
    if kind < 6:
        return [made(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = ["", "a", "b", "aa", "ab", "\u00e4", "longer key", "z"]
    return {chance.choice(keys): made(chance, depth + 1) for _ in range(chance.randrange(5))}


def test_random(normal_json):
    chance = random.Random(3)
    for _ in range(300):
        text = json.dumps(made(chance, 0), ensure_ascii=False)
        assert normal_json(text.encode()) == text_of(read(text))


def test_many_members(normal_json):
    text = json.dumps({f"key {n * 7919 % 1000}": {"b": n, "a": [n]} for n in range(1000)})
    assert normal_json(text.encode()) == text_of(read(text))


def test_bytes_that_are_no_text(normal_json):
    with pytest.raises(UnicodeDecodeError):
        normal_json(b'"\xff"')
