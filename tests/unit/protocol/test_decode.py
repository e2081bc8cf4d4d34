"""Message bodies, by the specification and by its compiled twin."""

import importlib
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import decode as specification
from protocol.errors import ProtocolError
from protocol.messages import Bind, Execute, Parse, Query

TWIN = importlib.import_module("protocol.native.decode")
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6)
INT16 = st.integers(-(2**15), 2**15 - 1)


@pytest.fixture(params=[specification, TWIN], ids=["python", "native"])
def decode(request):
    return request.param.decode


def bind_body(bind: Bind) -> bytes:
    body = bind.portal.encode() + b"\0" + bind.statement.encode() + b"\0"
    for formats in (bind.parameter_formats, None, bind.result_formats):
        if formats is None:
            body += struct.pack("!H", len(bind.parameters))
            for value in bind.parameters:
                body += b"\xff" * 4 if value is None else struct.pack("!i", len(value)) + value
        else:
            body += struct.pack(f"!H{len(formats)}h", len(formats), *formats)
    return body


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT, st.lists(st.none() | st.binary(max_size=5), max_size=4), st.lists(INT16), INT16)
def test_bind_is_read_back(portal, statement, parameters, result_formats, parameter_format):
    bind = Bind(portal, statement, (parameter_format,), tuple(parameters), tuple(result_formats))
    body = bind_body(bind)
    for module in (specification, TWIN):
        assert module.decode(ord("B"), b"xx" + body + b"yy", 2, 2 + len(body)) == bind


@pytest.mark.parametrize(
    ("tag", "body", "message"),
    [
        ("Q", "SELECT 'ä'\0".encode(), Query("SELECT 'ä'")),
        ("P", b"s\0x\0\0\2\0\0\0\x17\xff\xff\xff\xff", Parse("s", "x", (23, 2**32 - 1))),
        ("E", b"p\0\0\0\0\5", Execute("p", 5)),
        ("E", b"\0\xff\xff\xff\xff", Execute("", 0)),
        ("B", b"\0\0\0\0\0\0\0\0", Bind("", "")),
    ],
)
def test_messages(decode, tag, body, message):
    received = decode(ord(tag), body, 0, len(body))
    assert received == message
    assert hash(received) == hash(message)


def outcome(module: Any, tag: int, body: bytes) -> object:
    try:
        return module.decode(tag, b"x" + body + b"\0", 1, 1 + len(body))
    except ProtocolError as error:
        return error.fields


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(b"QPBES"),
    st.lists(st.sampled_from([b"\0", b"a", b"\xff", b"\0\1", b"\0\0\0\1", b"\xc3\xa4"])).map(
        b"".join
    ),
)
@example(ord("B"), b"\0\0\0\2\0\0\0\0\0\1\0\0\0\0\0\0")
@example(ord("B"), b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0")
@example(ord("B"), b"\0\0\0\0\xff\xff")
@example(ord("P"), b"\0\0\xff\xff\0\0\0\0")
def test_twins_agree_on_anything(tag, body):
    assert outcome(TWIN, tag, body) == outcome(specification, tag, body)
