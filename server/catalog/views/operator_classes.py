"""pg_opclass, pg_opfamily, pg_amop and pg_amproc: operator classes and families, built in and made by users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.operator_class_objects import (
    FamilyFunction,
    FamilyOperator,
    OperatorClass,
    OperatorFamily,
)
from server.catalog.views.physical import method_oids
from server.catalog.views.relation import Row, SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def _classes(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(OperatorClass):
        yield {
            "oid": value.oid,
            "opcmethod": method_oids()[value.method],
            "opcname": value.name,
            "opcnamespace": value.schema,
            "opcowner": value.owner,
            "opcfamily": value.family,
            "opcintype": value.type,
            "opcdefault": value.is_default,
            "opckeytype": value.storage,
        }


def _families(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(OperatorFamily):
        yield {
            "oid": value.oid,
            "opfmethod": method_oids()[value.method],
            "opfname": value.name,
            "opfnamespace": value.schema,
            "opfowner": value.owner,
        }


def _operators(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(FamilyOperator):
        yield {
            "oid": value.oid,
            "amopfamily": value.family,
            "amoplefttype": value.left,
            "amoprighttype": value.right,
            "amopstrategy": value.strategy,
            "amoppurpose": "o" if value.sort_family else "s",
            "amopopr": value.operator,
            "amopmethod": method_oids()[value.method],
            "amopsortfamily": value.sort_family,
        }


def _functions(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(FamilyFunction):
        yield {
            "oid": value.oid,
            "amprocfamily": value.family,
            "amproclefttype": value.left,
            "amprocrighttype": value.right,
            "amprocnum": value.number,
            "amproc": value.function,
        }


RELATIONS = (
    SystemRelation(name="pg_opclass", file="pg_opclass", objects=_classes),
    SystemRelation(name="pg_opfamily", file="pg_opfamily", objects=_families),
    SystemRelation(name="pg_amop", file="pg_amop", objects=_operators),
    SystemRelation(name="pg_amproc", file="pg_amproc", objects=_functions),
)
