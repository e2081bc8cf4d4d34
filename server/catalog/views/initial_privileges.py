"""pg_init_privs: the privileges objects have from the start, so that dumps leave them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.bootstrap import SYSTEM_OBJECTS
from server.catalog.objects import ExtensionObject, Table
from server.catalog.system_privileges import INITIAL
from server.catalog.views.comments import class_oid
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array

PROCEDURES_OID = 1255  # pg_proc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def _of_columns(view: CatalogView, table: Table) -> Iterator[Row]:
    for column in table.columns:
        if column.acl is not None:
            yield {
                "objoid": table.oid,
                "classoid": class_oid(table),
                "objsubid": column.number,
                "privtype": "i",
                "initprivs": acl_array(view, column.acl),
            }


def _initial_privileges(view: CatalogView) -> Iterator[Row]:
    for value in SYSTEM_OBJECTS:
        if value.acl is not None:
            yield {
                "objoid": value.oid,
                "classoid": class_oid(value),
                "objsubid": 0,
                "privtype": "i",
                "initprivs": acl_array(view, value.acl),
            }
        if isinstance(value, Table):
            yield from _of_columns(view, value)
    for oid, acl in INITIAL.items():
        yield {
            "objoid": oid,
            "classoid": PROCEDURES_OID,
            "objsubid": 0,
            "privtype": "i",
            "initprivs": acl_array(view, acl),
        }
    for extension in view.objects(ExtensionObject):
        for oid, acl in extension.privileges:
            member = view.object(oid)
            if member is not None:
                yield {
                    "objoid": oid,
                    "classoid": class_oid(member),
                    "objsubid": 0,
                    "privtype": "e",
                    "initprivs": acl_array(view, acl),
                }


RELATIONS = (SystemRelation(name="pg_init_privs", objects=_initial_privileges),)
