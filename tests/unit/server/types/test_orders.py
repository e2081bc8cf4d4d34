"""Sort keys and index keys against the recorded orders of PostgreSQL 15."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from server.types.names import parse_type
from server.types.order import key_of, ordered, sort_key_of
from server.types.type import PLAIN_STYLE

ORDERS = json.loads((Path(__file__).parent / "answers" / "orders.json").read_text())


def values_of(type_name: Any) -> Any:
    type_ = parse_type(type_name, lambda _parts: None).type
    return type_, [type_.parse(text, -1, PLAIN_STYLE) for text in ORDERS[type_name]]


@pytest.mark.parametrize("type_name", ORDERS)
def test_sort_keys_order_as_postgresql_does(type_name):
    type_, values = values_of(type_name)
    keys = [sort_key_of(type_, value) for value in values]
    assert all(not after < before for before, after in pairwise(keys))
    assert len(set(keys)) > 1


@pytest.mark.parametrize("type_name", ORDERS)
def test_index_keys_order_as_sort_keys_do(type_name):
    type_, values = values_of(type_name)
    for before, after in pairwise(values):
        is_equal = sort_key_of(type_, before) == sort_key_of(type_, after)
        first, second = (ordered(key_of(type_, value)) for value in (before, after))
        assert (first == second) if is_equal else (first < second)


def test_equal_values_of_other_looks_are_equal():
    for type_name, one, other in [
        ("interval", "1 mon", "30 days"),
        ("numeric", "1.0", "1.00"),
        ("bpchar", "a", "a  "),
        ("jsonb", '{"a": 1.0, "b": 2}', '{"b": 2, "a": 1}'),
        ("numeric[]", "{1.0}", "{1}"),
        ("float8", "0", "-0"),
    ]:
        type_ = parse_type(type_name, lambda _parts: None).type
        first, second = (type_.parse(text, -1, PLAIN_STYLE) for text in (one, other))
        assert sort_key_of(type_, first) == sort_key_of(type_, second)
        assert hash(sort_key_of(type_, first)) == hash(sort_key_of(type_, second))
        assert ordered(key_of(type_, first)) == ordered(key_of(type_, second))
