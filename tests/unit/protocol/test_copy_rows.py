"""Rows framed as COPY's messages, by the specification and by its compiled twin."""

import importlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import copy_rows as specification
from protocol.copy_binary import encode_binary_header, with_header
from protocol.copy_format import CopyOptions, encode_csv_rows, encode_text_rows
from protocol.rows import ColumnKind, EncodeColumn
from tests.unit.protocol.test_rows import EDGES, column

TWIN = importlib.import_module("protocol.native.copy_rows")
CSVS = [
    CopyOptions.csv(),
    CopyOptions.csv(delimiter=b";", null=b"nil", quote=b"'"),
    CopyOptions.csv(escape=b"\\"),
    CopyOptions.csv(quote=b"x", escape=b"b", null=b"abc"),
]
FIELDS = st.one_of(
    st.none(), st.binary(max_size=5), st.text(alphabet="\\,;\"'xb.\r\nil", max_size=5)
)


@pytest.fixture(params=[specification, TWIN], ids=["python", "native"])
def rows(request):
    return request.param


def framed(line):
    return struct.pack("!cI", b"d", len(line) + 4) + line


def lines(data):
    """The payloads of the messages in some bytes."""
    found, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("!I", data, position + 1)
        found.append(data[position + 5 : position + 1 + length])
        position += 1 + length
    return found


def bytes_column(values):
    return EncodeColumn(kind=ColumnKind.BYTES, values=list(values))


def test_text_escapes(rows):
    columns = [column(ColumnKind.BYTES, [b"a,b\\\n", None]), column(ColumnKind.INT32, [1, 2])]
    data = rows.encode_text_rows(columns, 2, b",", b"")
    assert data == framed(b"a\\,b\\\\\\n,1\n") + framed(b",2\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"plain", b"plain"),
        (b"a,b", b'"a,b"'),
        (b'"', b'""""'),
        (b'a"b"', b'"a""b"""'),
        (b"\r", b'"\r"'),
        (b"a\nb", b'"a\nb"'),
        (b"", b'""'),
        (b"\\.", b"\\."),
        (b" ", b" "),
        (None, b""),
    ],
)
def test_csv_quotes_what_needs_it(rows, value, shown):
    columns = [bytes_column([value]), bytes_column([b"1"])]
    dialect = CopyOptions.csv().dialect
    assert lines(rows.encode_csv_rows(columns, 1, dialect)) == [shown + b",1\n"]


def test_csv_of_one_column_quotes_the_end_of_data(rows):
    dialect = CopyOptions.csv().dialect
    columns = [bytes_column([b"\\.", b"\\", b"\\.."])]
    assert lines(rows.encode_csv_rows(columns, 3, dialect)) == [b'"\\."\n', b"\\\n", b"\\..\n"]


def test_csv_with_quotes_that_are_asked_for(rows):
    dialect = CopyOptions.csv(escape=b"\\").dialect
    columns = [column(ColumnKind.INT32, [1, 2], valid=np.array([True, False]))] * 2
    data = rows.encode_csv_rows(
        [*columns, bytes_column([b'\\"', b"\\"])], 2, dialect, (True, False, False)
    )
    assert lines(data) == [b'"1",1,"\\\\\\""\n', b",,\\\n"]


@pytest.mark.parametrize("kind", ColumnKind)
def test_twins_agree_on_the_edges(kind):
    values = EDGES[kind]
    columns = [column(kind, values), column(kind, values, valid=np.arange(len(values)) % 3 != 1)]
    count = len(values)
    expected = specification.encode_text_rows(columns, count)
    assert TWIN.encode_text_rows(columns, count) == expected
    for options in CSVS:
        expected = specification.encode_csv_rows(columns, count, options.dialect)
        assert TWIN.encode_csv_rows(columns, count, options.dialect) == expected


@pytest.mark.parametrize("delimiter", [b"\t", b",", b" ", b"-", b".", b":", b"+", b"1", b"a"])
@pytest.mark.parametrize("kind", ColumnKind)
def test_twins_agree_on_delimiters(kind, delimiter):
    columns = [column(kind, EDGES[kind])]
    count = len(EDGES[kind])
    expected = specification.encode_text_rows(columns, count, delimiter)
    assert TWIN.encode_text_rows(columns, count, delimiter) == expected


@pytest.mark.parametrize(
    "special", [b"", b"\t", b"\b", b"\r", b"\\", b"|", b"\x0e", b"\x07", b"\xff"]
)
@pytest.mark.parametrize("row_count", [3, 4, 50])
def test_twins_agree_on_words(special, row_count):
    words = [b"a word" * 7, b"", b"sixteen bytes and some more" + special]
    values = np.arange(row_count) % 3
    dictionary = EncodeColumn(
        kind=ColumnKind.DICTIONARY, values=values.astype(np.int32), dictionary=words
    )
    columns = [dictionary, bytes_column(words[value] for value in values)]
    expected = specification.encode_text_rows(columns, row_count, b"|")
    assert TWIN.encode_text_rows(columns, row_count, b"|") == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(FIELDS, FIELDS), max_size=5),
    st.sampled_from(CSVS),
    st.booleans(),
    st.booleans(),
)
def test_twins_agree_on_texts(given_rows, options, alone, forced):
    columns = [
        bytes_column(row[number] for row in given_rows) for number in range(1 if alone else 2)
    ]
    forces = (forced, not forced)[: len(columns)]
    for force in ((), forces):
        expected = specification.encode_csv_rows(columns, len(given_rows), options.dialect, force)
        assert TWIN.encode_csv_rows(columns, len(given_rows), options.dialect, force) == expected
    expected = specification.encode_text_rows(columns, len(given_rows), b";", b"nil")
    assert TWIN.encode_text_rows(columns, len(given_rows), b";", b"nil") == expected


def test_rows_without_frames_are_the_same():
    values = [[b"a\tb", None, b""], [b"1", b'"', b"x,y"]]
    columns = [bytes_column(column) for column in values]
    text, csv = CopyOptions(), CopyOptions.csv(force_quote=(True, False))
    data = specification.encode_text_rows(columns, 3)
    assert b"".join(lines(data)) == encode_text_rows(values, text)
    data = specification.encode_csv_rows(columns, 3, csv.dialect, csv.force_quote)
    assert b"".join(lines(data)) == encode_csv_rows(values, csv)


def test_the_binary_header_goes_into_the_first_message():
    data = with_header(framed(b"first") + framed(b"second"))
    assert lines(data) == [encode_binary_header() + b"first", b"second"]
