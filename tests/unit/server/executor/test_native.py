"""The compiled twins against their specifications."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import key_codes, native


@pytest.mark.parametrize("span", [5, 10**6])
@pytest.mark.parametrize("with_nulls", [False, True])
def test_integer_codes(span: int, with_nulls: bool):
    rng = np.random.default_rng(span)
    tables: list[Any] = [native.IntegerCodes(), key_codes.IntegerCodes()]
    for _ in range(3):
        values = rng.integers(-span, span, 6000)
        valid = rng.random(6000) < 0.9 if with_nulls else None
        found, specified = (table.add(values, valid) for table in tables)
        assert np.array_equal(found, specified)
        assert {table.reserve() for table in tables} == {len(tables[0]) - 1}
    found, specified = (table.find(np.arange(-50, 50), None) for table in tables)
    assert np.array_equal(found, specified)
    assert np.array_equal(tables[0].keys(), tables[1].keys())


LEAST, MOST = -(1 << 63), (1 << 63) - 1
KEYS = {
    "growing": [range(n, n + 5000, 2) for n in range(0, 200_000, 5000)],
    "falling": [range(n, n - 5000, -1) for n in range(50_000, -50_000, -5000)],
    "then far": [range(1000), [LEAST, MOST, 5], range(2000)],
    "first far": [[MOST, 0, LEAST], range(-5, 3000)],
    "come close": [range(0, 1 << 24, 1 << 12), *(range(n, 1 << 20, 16) for n in range(16))],
    "at the ends": [[MOST], [MOST - 1, MOST], [MOST - 9]],
    "at the other end": [[LEAST], [LEAST + 100, LEAST], []],
    "one": [[7], [7], []],
    "none": [[], []],
}


@pytest.mark.parametrize("series", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("with_nulls", [False, True])
def test_integer_codes_near_and_far(series: list[Any], with_nulls: bool):
    tables: list[Any] = [native.IntegerCodes(), key_codes.IntegerCodes()]
    for part in series:
        values = np.array(list(part), np.int64)
        valid = np.arange(len(values)) % 3 > 0 if with_nulls else None
        found, specified = (table.add(values, valid) for table in tables)
        assert np.array_equal(found, specified)
        for sought in (values, values ^ 1, np.array([LEAST, MOST, 0, -1], np.int64)):
            found, specified = (table.find(sought, None) for table in tables)
            assert np.array_equal(found, specified)
    assert np.array_equal(tables[0].keys(), tables[1].keys())


def test_object_codes():
    values = np.array(["b", "a", None, "b", "c"], object)
    valid = np.array([True, True, False, True, True])
    for functions in (native.object_codes, key_codes.object_codes):
        numbers: dict[Any, int] = {"c": 0}
        codes, following = functions(values, valid, numbers, 1)
        assert codes.tolist() == [1, 2, -1, 1, 0]
        assert following == 3
        assert functions(np.array(["x", "a"], object), None, numbers, -1)[0].tolist() == [-1, 2]


def views(words: list[bytes]) -> Any:
    raw = b"".join(len(word).to_bytes(4, "little") + word.ljust(12, b"\0")[:12] for word in words)
    return np.frombuffer(raw, "V16")


def test_view_codes():
    words = [b"AIR", b"", b"TRUCK", b"AIR", b"REG AIR", b"twelve bytes", b"N", b"\xff"] * 200
    for kind in (native.ViewCodes, key_codes.ViewCodes):
        table = kind()
        codes = table.add(views(words), 100)
        assert codes is not None
        assert [table.words()[code] for code in codes.tolist()] == words
        assert len(table) == 7
        assert kind().add(views([b"thirteen byte"]), 100) is None
        assert kind().add(views([b"%d" % n for n in range(11)]), 10) is None
        assert kind().add(views([b"%d" % n for n in range(500)]), 500) is not None
