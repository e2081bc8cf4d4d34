from dataclasses import replace

import pytest
from views_of import TABLE, view_of

from server.catalog.objects import Role
from server.catalog.privileges import (
    Grant,
    has_column_privilege,
    has_privilege,
    is_member,
    parse_item,
    shown_item,
)

STAFF = Role(oid=101, name="staff", members=((102, False),))
ANN = Role(oid=102, name="Ann A", login=True)
LONER = Role(oid=103, name="loner", inherit=False)
SHY = Role(oid=104, name="shy", members=((103, True),))


def test_item_round_trip():
    grant = parse_item("102=ar*w/10")
    assert grant == Grant(102, frozenset("arw"), frozenset("r"), 10)
    assert grant.item == "102=ar*w/10"
    assert shown_item(view_of(ANN), "102=ar*w/10") == '"Ann A"=ar*w/postgres'
    assert shown_item(view_of(), "0=r/10") == "=r/postgres"


@pytest.mark.parametrize(
    ("role", "letter", "allowed"),
    [(101, "r", True), (102, "r", True), (102, "a", False), (103, "w", False), (10, "D", True)],
)
def test_privileges_come_with_membership(role, letter, allowed):
    table = replace(TABLE, acl=("10=arwdDxt/10", "101=r/10", "104=w/10"))
    view = view_of(STAFF, ANN, LONER, SHY)
    assert has_privilege(view, role, table, letter) is allowed


def test_membership_without_inheritance():
    assert is_member(view_of(LONER, SHY), 103, 104)


def test_column_privilege():
    column = replace(TABLE.columns[0], acl=("102=w/10",))
    table = replace(TABLE, acl=("10=arwdDxt/10",), columns=(column, *TABLE.columns[1:]))
    view = view_of(ANN)
    assert has_column_privilege(view, 102, table, 1, "w")
    assert not has_column_privilege(view, 102, table, 2, "w")


def test_grant_option_is_the_owners():
    table = replace(TABLE, owner=102, acl=("102=r/102", "101=r*/102"))
    view = view_of(STAFF, ANN)
    assert has_privilege(view, 102, table, "a", option=True)
    assert has_privilege(view, 101, table, "r", option=True)
    assert not has_privilege(view, 101, table, "a", option=True)
