"""CatalogState: objects by kind, in states that share what stays the same."""

from server.catalog.objects import Role, Schema
from server.catalog.state import CatalogState


def schemas(state):
    return [value.name for value in state.of_kind(Schema)]


def named(oid, name):
    return Schema(oid=oid, name=name, owner=10)


def test_objects_of_a_kind_come_in_their_order():
    state = CatalogState([named(1, "a"), Role(oid=2, name="r"), named(3, "b")])
    assert schemas(state) == ["a", "b"]
    assert [value.oid for value in state.of_kind(Schema, Role)] == [1, 2, 3]
    assert list(CatalogState().of_kind(Schema)) == []


def test_a_changed_state_leaves_the_other_as_it_was():
    before = CatalogState([named(1, "a"), named(2, "b")])
    after = before.changed({1: None, 2: named(2, "c"), 3: named(3, "d")}, 1)
    assert schemas(before) == ["a", "b"]
    assert schemas(after) == ["c", "d"]
    assert schemas(after.changed({2: None}, 2)) == ["d"]
    assert schemas(after) == ["c", "d"]
