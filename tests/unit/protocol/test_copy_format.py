"""COPY formats: what is written reads back, however it is cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import copy_binary, copy_format, native
from protocol.copy_format import (
    CopyFormat,
    CopyOptions,
    Header,
    copy_decoder,
    encode_copy_header,
    encode_csv_rows,
    encode_text_rows,
)
from protocol.errors import CopyFormatError

NAMES = ["a", "b"]
VALUES = st.one_of(st.none(), st.binary(max_size=6), st.sampled_from([b"\\.", b"\\N", b'"', b""]))
FORMATS = [
    CopyOptions(),
    CopyOptions(delimiter=b",", null=b"", header=Header.MATCH),
    CopyOptions.csv(),
    CopyOptions.csv(header=Header.PRESENT, escape=b"\\", quote=b"'", null=b"nil"),
    CopyOptions.csv(force_quote=(True, False), header=Header.MATCH),
    CopyOptions(format=CopyFormat.BINARY),
]


def written(columns: list[list[bytes | None]], options: CopyOptions) -> bytes:
    """Rows in a format, without what comes before and behind them."""
    if options.format is CopyFormat.CSV:
        return encode_csv_rows(columns, options)
    if options.format is CopyFormat.TEXT:
        return encode_text_rows(columns, options)
    count = len(columns).to_bytes(2)
    return b"".join(
        count + b"".join(binary_field(value) for value in row) for row in zip(*columns, strict=True)
    )


def binary_field(value: bytes | None) -> bytes:
    return b"\xff" * 4 if value is None else len(value).to_bytes(4) + value


def decode(options: CopyOptions, pieces: list[bytes], names: list[str] = NAMES) -> list[object]:
    decoder = copy_decoder(options, names)
    rows: list[object] = []
    for piece in pieces:
        rows += zip(*decoder.feed(piece), strict=True)
    rows += zip(*decoder.finish(), strict=True)
    assert decoder.row_count == len(rows)
    return rows


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(FORMATS), st.lists(st.tuples(VALUES, VALUES), max_size=6))
def test_what_is_written_reads_back_however_it_is_cut(data, options, rows):
    if options.null == b"":
        # In text format null and the empty string are told apart by the null string alone.
        rows = [row for row in rows if options.format is CopyFormat.CSV or b"" not in row]
    columns = [[row[number] for row in rows] for number in range(2)]
    wire = encode_copy_header(options, NAMES) + written(columns, options)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=8)) | {0, len(wire)})
    pieces = [wire[start:stop] for start, stop in pairwise(cuts)]
    assert decode(options, pieces) == rows


def test_csv_quotes_what_needs_it():
    options = CopyOptions.csv(force_quote=(False, True))
    columns = [[b"a,b", b'q"q', b"", None, b"x\n"], [b"1", b"2", b"3", None, b"5"]]
    assert written(columns, options) == (b'"a,b","1"\n"q""q","2"\n"","3"\n,\n"x\n","5"\n')
    assert written([[b"\\."]], CopyOptions.csv()) == b'"\\."\n'


def test_text_escapes():
    assert written([[b"a\tb\\\n\x01", None]], CopyOptions()) == b"a\\tb\\\\\\n\x01\n\\N\n"


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b"a\n", "wrong number of fields in header line: got 1, expected 2"),
        (b"", "wrong number of fields in header line: got 1, expected 2"),
        (b'"a\n', "unterminated CSV quoted field"),
        (b"a,c\n", 'column name mismatch in header line field 2: got "c", expected "b"'),
        (b"a,\n", 'column name mismatch in header line field 2: got null value (""), expected "b"'),
    ],
)
def test_header_must_match(first, message):
    with pytest.raises(CopyFormatError) as caught:
        decode(CopyOptions.csv(header=Header.MATCH), [first])
    assert (caught.value.message, caught.value.line_no) == (message, 1)


def test_force_null_and_not_null():
    data = b',""\n'
    assert decode(CopyOptions.csv(force_not_null=(True, False)), [data]) == [(b"", b"")]
    assert decode(CopyOptions.csv(force_null=(False, True)), [data]) == [(None, None)]


def test_line_numbers_go_on_across_pieces():
    with pytest.raises(CopyFormatError) as caught:
        decode(CopyOptions.csv(header=Header.PRESENT), [b"a,b\n1,2\n", b"3,4\n", b"5\n"])
    assert caught.value.line_no == 4


def test_what_follows_the_marker_is_dropped():
    assert decode(CopyOptions(), [b"1\t2\n\\.\n", b"rubbish"]) == [(b"1", b"2")]


HEADER = copy_binary.encode_binary_header()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "COPY file signature not recognized"),
        (b"PGCOPY\r\n\xff", "COPY file signature not recognized"),
        (HEADER[:11], "invalid COPY file header (missing flags)"),
        (HEADER[:15], "invalid COPY file header (missing length)"),
        (HEADER[:15] + b"\0\0\0\2x", "invalid COPY file header (wrong length)"),
        (HEADER[:15] + b"\xff\xff\xff\xff", "invalid COPY file header (missing length)"),
        (HEADER[:11] + b"\0\1\0\0\0\0\0\0", "invalid COPY file header (WITH OIDS)"),
        (HEADER[:11] + b"\0\2\0\0\0\0\0\0", "unrecognized critical flags in COPY file header"),
        (HEADER + b"\0\3", "row field count is 3, expected 2"),
        (HEADER + b"\0\2\0\0\0\1", "unexpected EOF in COPY data"),
        (HEADER + b"\0\2\xff\xff\xff\xfe", "invalid field size"),
        (HEADER + b"\0\2\x7f\xff\xff\xff", "invalid field size"),
        (HEADER + b"\xff\xff\0", "received copy data after EOF marker"),
    ],
)
def test_binary_refused(data, message):
    with pytest.raises(CopyFormatError) as caught:
        decode(CopyOptions(format=CopyFormat.BINARY), [data])
    assert caught.value.message == message


def test_a_long_row_in_small_pieces_is_not_looked_at_with_each(monkeypatch):
    looked_at = []
    split = native.decode_columns

    def counting(data, *rest):
        looked_at.append(len(data))
        return split(data, *rest)

    monkeypatch.setattr(copy_format, "decode_columns", counting)
    decoder = copy_decoder(CopyOptions(), ["a"])
    for _ in range(10_000):
        assert decoder.feed(b"x" * 10) == [[]]
    assert decoder.finish() == [[b"x" * 100_000]]
    assert sum(looked_at) < 4 * 100_000
