"""Rows that are kept with their objects, and with what else they were read from."""

from dataclasses import replace

import pytest
from views_of import SUPERUSER, TABLE, view_of

from server.catalog.catalog_view import CatalogView
from server.catalog.objects import Role, Table
from server.catalog.routine_objects import UserFunction
from server.catalog.views.each_object import EachObject, rows_of_each
from server.catalog.views.noted_objects import NotedObjects, rows_of_noted
from server.catalog.views.physical import SYSTEM_TABLES


def function(oid, name):
    return UserFunction(
        oid=oid, name=name, schema=2200, language="sql", arguments=(), argument_names=(),
        argument_modes=(), defaults=(), result=23, returns_set=False, body="",
    )  # fmt: skip


class Made:
    """Rows by a name alone, counted."""

    def __init__(self):
        self.names = []
        self.each = EachObject(UserFunction, self.rows, (Role,))

    def rows(self, view, value):
        self.names.append(value.name)
        yield {"oid": value.oid, "proname": value.name}

    def seen(self, view):
        found = rows_of_each(self.each, SYSTEM_TABLES["pg_proc"], view)
        names, self.names = self.names, []
        return sorted(row[1] for row in found.rows), names


def after(view, *values, gone=()):
    changes = {value.oid: value for value in values} | dict.fromkeys(gone)
    return CatalogView(view.state.changed(changes, view.version + 1))


def test_rows_outlive_ddl_on_others():
    made, one, two = Made(), function(30000, "one"), function(30001, "two")
    view = view_of(one, two)
    assert made.seen(view) == (["one", "two"], ["one", "two"])
    view = after(view, replace(TABLE, name="other"))
    assert made.seen(view) == (["one", "two"], [])
    view = after(view, replace(two, name="three"))
    assert made.seen(view) == (["one", "three"], ["three"])
    view = after(view, gone=(30000,))
    assert made.seen(view) == (["three"], [])


def test_a_new_name_of_a_role_may_be_in_all_of_them():
    made, one = Made(), function(30000, "one")
    view = view_of(one)
    made.seen(view)
    assert made.seen(after(view, replace(SUPERUSER, name="boss"))) == (["one"], ["one"])
    assert made.seen(view) == (["one"], ["one"])


class Noted:
    """Rows of functions that say who owns them, counted."""

    def __init__(self, owner_of):
        self.names = []
        self.owner_of = owner_of
        self.noted = NotedObjects(lambda view: view.objects(UserFunction), self.rows)

    def rows(self, view, value):
        self.names.append(value.name)
        yield {"oid": value.oid, "proname": f"{value.name} of {self.owner_of(view)}"}

    def seen(self, view):
        found = rows_of_noted(self.noted, SYSTEM_TABLES["pg_proc"], view)
        names, self.names = self.names, []
        return sorted(row[1] for row in found.rows), names


def test_rows_hold_as_long_as_what_was_read_for_them():
    made, one, two = (
        Noted(lambda view: view.object(SUPERUSER.oid).name),
        function(30000, "one"),
        function(30001, "two"),
    )
    view = view_of(one, two)
    owner = SUPERUSER.name
    assert made.seen(view) == ([f"one of {owner}", f"two of {owner}"], ["one", "two"])
    view = after(view, replace(TABLE, name="other"))
    assert made.seen(view)[1] == []
    view = after(view, replace(two, name="three"))
    assert made.seen(view) == ([f"one of {owner}", f"three of {owner}"], ["three"])
    view = after(view, replace(SUPERUSER, name="boss"))
    assert made.seen(view) == (["one of boss", "three of boss"], ["one", "three"])
    assert made.seen(after(view, gone=(30000,))) == (["three of boss"], [])


@pytest.mark.parametrize(
    ("read", "is_kept"),
    [
        (lambda view: len(view.indexes_of(TABLE.oid)), True),
        (lambda view: view.has_children(TABLE.oid), True),
        (lambda view: len(list(view.objects(Role))), True),
        (lambda view: len(list(view.objects(Table))), False),
        (lambda view: len(view.state.by_oid), False),
        (lambda view: view.version, False),
    ],
)
def test_what_is_not_noted_makes_rows_anew(read, is_kept):
    made = Noted(read)
    view = view_of(function(30000, "one"))
    assert made.seen(view)[1] == ["one"]
    assert made.seen(after(view, function(30001, "two")))[1] == (
        ["two"] if is_kept else ["one", "two"]
    )
