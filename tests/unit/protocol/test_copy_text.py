"""COPY's text and csv split into columns, by the specification and by its compiled twin."""

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import copy_text as specification
from protocol.copy_text import Dialect, LineEnd
from protocol.errors import CopyFormatError

TWIN = importlib.import_module("protocol.native.copy_text")
TEXT = Dialect(b"\t", b"\\N")
CSV = Dialect(b",", b"", b'"', b'"')
CSV_ESCAPE = Dialect(b",", b"nil", b"'", b"\\")
NAMES = ["a", "b"]


@pytest.fixture(params=[specification, TWIN], ids=["python", "native"])
def decode(request):
    return request.param.decode_columns


def rows(decode: Any, data: bytes, dialect: Dialect) -> list[tuple[bytes | None, ...]]:
    split = decode(data, NAMES, dialect, LineEnd.UNKNOWN, True)
    return list(zip(*split.columns, strict=True))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1\t2\n", [(b"1", b"2")]),
        (b"1\t2", [(b"1", b"2")]),
        (b"\t\n", [(b"", b"")]),
        (b"\\N\t\\\\N\n", [(None, b"\\N")]),
        (b"a\\tb\t\\b\\f\\n\\r\\v\n", [(b"a\tb", b"\b\f\n\r\v")]),
        (b"\\101\\1018\t\\x41\\x4g\\xg\n", [(b"AA8", b"A\x04gxg")]),
        (b"\\400\t\\777\n", [(b"\0", b"\xff")]),
        (b"a\\\tb\tc\n", [(b"a\tb", b"c")]),
        (b"a\\\nb\tc\n", [(b"a\nb", b"c")]),
        (b"1\t2\r\n3\t4\r\n", [(b"1", b"2"), (b"3", b"4")]),
        (b"1\t2\r3\t4\r", [(b"1", b"2"), (b"3", b"4")]),
        (b"1\t2\n\\.\nrubbish", [(b"1", b"2")]),
        (b"1\t2\r\n\\.\r\n", [(b"1", b"2")]),
        (b"1\t2\\.\n3\t4\n", [(b"1", b"2")]),
        (b"1\tx\\", [(b"1", b"x")]),
        (b"", []),
    ],
)
def test_text(decode, data, expected):
    assert rows(decode, data, TEXT) == expected


@pytest.mark.parametrize(
    ("data", "message", "line_no"),
    [
        (b"1\n", 'missing data for column "b"', 1),
        (b"1\t2\n\n", 'missing data for column "b"', 2),
        (b"1\t2\t3\n", "extra data after last expected column", 1),
        (b"1\t2\r\n3\t4\n", "literal newline found in data", 2),
        (b"1\t2\n3\t4\r", "literal carriage return found in data", 2),
        (b"1\t2\r\n3\t4\r5", "literal carriage return found in data", 2),
        (b"1\t2\n\\.x\n", "end-of-copy marker corrupt", 2),
        (b"1\t2\n\\.", "end-of-copy marker corrupt", 2),
        (b"1\t2\n\\.\r", "end-of-copy marker does not match previous newline style", 2),
        (b"1\t2\r\n\\.\n", "end-of-copy marker does not match previous newline style", 2),
    ],
)
def test_text_refused(decode, data, message, line_no):
    with pytest.raises(CopyFormatError) as caught:
        rows(decode, data, TEXT)
    assert (caught.value.message, caught.value.line_no) == (message, line_no)
    assert caught.value.sqlstate == "22P04"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1,2\n", [(b"1", b"2")]),
        (b',""\n', [(None, b"")]),
        (b'"a,b","c""d"\n', [(b"a,b", b'c"d')]),
        (b'"a\nb",c\n', [(b"a\nb", b"c")]),
        (b'a"b"c,d\n', [(b"abc", b"d")]),
        (b"\\.x,\\N\n", [(b"\\.x", b"\\N")]),
        (b"1,2\n\\.\n3", [(b"1", b"2")]),
        (b"1,2\r\n3,4\r\n", [(b"1", b"2"), (b"3", b"4")]),
        (b'1,2\n"x",""', [(b"1", b"2"), (b"x", b"")]),
    ],
)
def test_csv(decode, data, expected):
    assert rows(decode, data, CSV) == expected


def test_csv_with_an_escape_of_its_own(decode):
    data = b"nil,'nil'\n'it\\'s','a\\\\'\n'\\n',''\n"
    expected = [(None, b"nil"), (b"it's", b"a\\"), (b"\\n", b"")]
    assert rows(decode, data, CSV_ESCAPE) == expected


@pytest.mark.parametrize(
    ("data", "message", "line_no"),
    [
        (b'1,"2\n3', "unterminated CSV quoted field", 1),
        (b'1,2\n1,"2\n3', "unterminated CSV quoted field", 3),
        (b"1,2\r\n3,4\n", "unquoted newline found in data", 2),
        (b"1,2\n3,4\r\n", "unquoted carriage return found in data", 2),
        (b'1,2\n"a\nb"\n', 'missing data for column "b"', 3),
        (b"1,2,3\n", "extra data after last expected column", 1),
    ],
)
def test_csv_refused(decode, data, message, line_no):
    with pytest.raises(CopyFormatError) as caught:
        rows(decode, data, CSV)
    assert (caught.value.message, caught.value.line_no) == (message, line_no)


def test_rows_without_columns(decode):
    split = decode(b"\n\n", [], TEXT, LineEnd.UNKNOWN, True)
    assert split.row_count == 2
    with pytest.raises(CopyFormatError, match="extra data"):
        decode(b"1\n", [], TEXT, LineEnd.UNKNOWN, True)


def outcome(decode: Any, data: bytes, dialect: Dialect, line_end: int, last: bool) -> object:
    try:
        return decode(data, NAMES, dialect, line_end, last)
    except CopyFormatError as error:
        return error.message, error.hint


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"\\", b"\t", b"\n", b"\r", b".", b"\\.", b"N", b"7", b"x"])),
    st.sampled_from(LineEnd),
    st.booleans(),
)
def test_twins_agree_on_text(pieces, line_end, last):
    data = b"".join(pieces)
    expected = outcome(specification.decode_columns, data, TEXT, line_end, last)
    assert outcome(TWIN.decode_columns, data, TEXT, line_end, last) == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b'"', b",", b"\n", b"\r", b"\\.", b"'", b"\\", b"nil"])),
    st.sampled_from([CSV, CSV_ESCAPE]),
    st.sampled_from(LineEnd),
    st.booleans(),
)
def test_twins_agree_on_csv(pieces, dialect, line_end, last):
    data = b"".join(pieces)
    expected = outcome(specification.decode_columns, data, dialect, line_end, last)
    assert outcome(TWIN.decode_columns, data, dialect, line_end, last) == expected
