"""Stored values out of spans: what the input functions and storage make of them, or nothing."""

from itertools import pairwise

import numpy as np
import pytest

from server.types import native, spans
from server.types.numeric import parse_numeric, store_value
from server.types.type import PLAIN_STYLE


def places(fields):
    data, starts, stops = b"", [], []
    for field in fields:
        starts.append(len(data))
        data += field or b""
        stops.append(-1 if field is None else len(data))
        data += b"\t"
    return data, np.array(starts, np.int32), np.array(stops, np.int32)


@pytest.mark.parametrize("module", [native, spans])
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_integers(module, bits):
    top = min(2 ** (bits - 1) - 1, 10**18 - 1)
    fields = [b"0", b"-7", None, b"%d" % top, b"%d" % -top, b"007"]
    values = module.integer_spans(*places(fields), bits)
    assert values.tolist() == [0, -7, 0, top, -top, 7]
    assert values.dtype == f"int{bits}"
    assert module.integer_spans(*places([]), bits).tolist() == []


@pytest.mark.parametrize("module", [native, spans])
@pytest.mark.parametrize(
    "field", [b"", b"-", b" 1", b"1 ", b"+1", b"1.0", b"32768", b"-32769", b"9" * 19, b"1e3"]
)
def test_other_integers_are_left_to_the_input_function(module, field):
    assert module.integer_spans(*places([b"1", field]), 16) is None


@pytest.mark.parametrize("module", [native, spans])
@pytest.mark.parametrize(
    ("length", "padded", "wanted"),
    [
        (-1, False, [b"abc", b"", b"", b"abcdef"]),
        (6, False, [b"abc", b"", b"", b"abcdef"]),
        (6, True, [b"abc   ", b"      ", b"", b"abcdef"]),
        (5, False, None),
        (5, True, None),
    ],
)
def test_texts(module, length, padded, wanted):
    found = module.text_spans(*places([b"abc", b"", None, b"abcdef"]), length, padded)
    if wanted is None:
        assert found is None
        return
    blob, offsets = found
    values = [blob[start:stop].tobytes() for start, stop in pairwise(offsets.tolist())]
    assert values == wanted


@pytest.mark.parametrize("module", [native, spans])
def test_lengths_of_what_is_not_ascii_are_left_to_the_input_function(module):
    fields = places(["\u00e4".encode()])
    assert module.text_spans(*fields, 5, False) is None
    assert module.text_spans(*fields, -1, False)[1].tolist() == [0, 2]


NUMBERS = [
    b"0",
    b"7",
    b"-7",
    b"10",
    b"0.5",
    b"-0.05",
    b"0.00",
    b"1.50",
    b"9" * 100,
    b"0." + b"1" * 100,
]
OTHER_NUMBERS = [
    b"",
    b"-",
    b".",
    b"007",
    b"00",
    b"-0",
    b"-0.0",
    b"+1",
    b"1.",
    b".5",
    b"1e3",
    b" 1",
    b"1 ",
]
OTHER_NUMBERS += [
    b"NaN",
    b"1.2.3",
    b"--1",
    b"9" * 101,
    b"0." + b"1" * 101,
    b"1\n",
    b"1,5",
    b"-00.1",
]


@pytest.mark.parametrize("module", [native, spans])
def test_numbers_are_what_storage_keeps_of_them(module):
    blob, offsets = module.number_spans(*places([*NUMBERS, None]))
    values = [blob[start:stop].tobytes() for start, stop in pairwise(offsets.tolist())]
    kept = [store_value(parse_numeric(text.decode(), -1, PLAIN_STYLE), -1) for text in NUMBERS]
    assert values == [*kept, b""]


@pytest.mark.parametrize("module", [native, spans])
@pytest.mark.parametrize("field", OTHER_NUMBERS)
def test_other_numbers_are_left_to_the_input_function(module, field):
    assert module.number_spans(*places([b"1", field])) is None
