"""Rows that are kept with their objects."""

from dataclasses import replace

from views_of import SUPERUSER, TABLE, view_of

from server.catalog.catalog_view import CatalogView
from server.catalog.objects import Role
from server.catalog.routine_objects import UserFunction
from server.catalog.views.each_object import EachObject, rows_of_each
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
