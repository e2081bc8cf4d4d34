"""Places of fields in plain text: those of the ordinary decoder, however the data is cut, or nothing."""

import random

import pytest

from protocol import copy_spans
from protocol.copy_format import CopyFormat, CopyOptions, Header, copy_decoder
from protocol.native import plain_spans

TWINS = [plain_spans, copy_spans.plain_spans]


@pytest.mark.parametrize("twin", TWINS)
def test_fields_and_nulls(twin):
    spans = twin(b"1\tab\n-22\t\\N\n\t\xc3\xa4\n4", 2, b"\t")
    assert spans.fields(0) == [b"1", b"-22", b""]
    assert spans.fields(1) == [b"ab", None, b"\xc3\xa4"]
    assert (spans.row_count, spans.consumed) == (3, 16)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "data",
    [
        b"1\t2\r\n",
        b"1\t2\x00\n",
        b"1\n",
        b"1\t2\t3\n",
        b"1\ta\\tb\n",
        b"1\t\\\\N\n",
        b"1\t\\N \n",
        b"\\.\n",
        b"1\t2\n\\.\n3\t4\n",
        b"\n",
    ],
)
def test_what_is_not_plain_is_left_alone(twin, data):
    assert twin(data, 2, b"\t") is None


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("data", [b"", b"1\t2", b"1"])
def test_rows_that_are_not_whole_wait(twin, data):
    spans = twin(data, 2, b"\t")
    assert (spans.row_count, spans.consumed) == (0, 0)


ODD = {CopyFormat.TEXT: b"a\\tb", CopyFormat.CSV: b'"a\nb"'}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "options",
    [CopyOptions(), CopyOptions(null=b""), CopyOptions.csv(), CopyOptions.csv(delimiter=b";")],
)
def test_pieces_give_what_the_whole_gives(seed, options):
    chance = random.Random(seed)
    words = [b"", b"7", b"x" * 50, b"\xe2\x82\xac", options.null]
    rows = [options.delimiter.join(chance.choices(words, k=3)) for _ in range(200)]
    if seed % 2:
        rows[120] = options.delimiter.join([ODD[options.format], b"c", b"d"])
    data = b"\n".join(rows) + (b"\n" if seed % 3 else b"")
    whole = copy_decoder(options, "abc")
    wanted = [[*head, *tail] for head, tail in zip(whole.feed(data), whole.finish(), strict=True)]
    pieces, found = copy_decoder(options, "abc"), [[], [], []]
    place = 0
    while place < len(data):
        piece = data[place : place + chance.randint(1, 900)]
        place += len(piece)
        spans = pieces.take_plain(piece) if chance.random() < 0.8 else None
        columns = pieces.feed(piece) if spans is None else map(spans.fields, range(3))
        for column, values in zip(found, columns, strict=True):
            column.extend(values)
    for column, values in zip(found, pieces.finish(), strict=True):
        column.extend(values)
    assert found == wanted
    assert pieces.row_count == whole.row_count == 200


@pytest.mark.parametrize(
    "options",
    [
        CopyOptions.csv(null=b"nil"),
        CopyOptions(null=b"nil"),
        CopyOptions(force_null=(True,)),
        CopyOptions.csv(force_not_null=(True,)),
        CopyOptions.csv(header=Header.PRESENT),
    ],
)
def test_other_formats_are_never_plain(options):
    assert copy_decoder(options, ["a"]).take_plain(b"1\n") is None


@pytest.mark.parametrize("data", [b'"1"\n', b"\\.\n", b"\\N\n", b"1\r\n"])
def test_csv_with_anything_odd_is_not_plain(data):
    assert copy_decoder(CopyOptions.csv(), ["a"]).take_plain(data) is None


@pytest.mark.parametrize("twin", TWINS)
def test_empty_fields_are_null_where_null_is_empty(twin):
    spans = twin(b"1,,\n,ab,\n", 3, b",", b"")
    assert [spans.fields(number) for number in range(3)] == [
        [b"1", None],
        [None, b"ab"],
        [None] * 2,
    ]
    assert twin(b"\\N,1\n", 2, b",", b"") is None
