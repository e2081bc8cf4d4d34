"""A jsonb value that was stored is its text until somebody asks for what it holds."""

import pickle
from decimal import Decimal

import pytest

from server.errors import StatementTooComplex
from server.types import jsonb
from server.types.jsonb import Jsonb, make_object

TEXT = '{"a": 1.50, "bb": [null, true, "x\\"y"]}'
VALUE = {"a": Decimal("1.50"), "bb": [None, True, 'x"y']}


def test_what_was_written_is_shown_without_being_read(monkeypatch):
    value = Jsonb.written(TEXT)
    monkeypatch.setattr(jsonb, "_read_written", None)
    assert value.text == TEXT


def test_what_was_written_is_read_once():
    value = Jsonb.written(TEXT)
    assert value.value == VALUE
    assert value.value is value.value


def test_both_forms_are_equal_and_print_alike():
    written, made = Jsonb.written(TEXT), Jsonb(VALUE)
    assert written == made
    assert hash(written) == hash(made)
    assert repr(written) == repr(made)
    assert written.text == made.text


def test_a_value_comes_back_from_a_temporary_file_unread():
    value = pickle.loads(pickle.dumps(Jsonb.written(TEXT), 5))
    assert value.text == TEXT
    assert value.value == VALUE


def test_null_is_a_value_that_was_read():
    assert Jsonb(None).text == "null"
    assert Jsonb.written("null").value is None


def test_what_nests_too_deep_is_refused_when_it_is_read():
    value = Jsonb.written("[" * 100_000 + "]" * 100_000)
    with pytest.raises(StatementTooComplex):
        assert value.value


def test_keys_are_in_the_order_of_their_bytes():
    pairs = [("é", 1), ("ab", 2), ("a", 3), ("zz", 5), ("a", 4), ("", 6), ("€", 7)]
    assert list(make_object(pairs).items()) == [
        ("", 6), ("a", 4), ("ab", 2), ("zz", 5), ("é", 1), ("€", 7)
    ]  # fmt: skip
