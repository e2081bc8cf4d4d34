"""pg_description and pg_shdescription: what COMMENT ON has said."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    ExtensionObject,
    Index,
    Oid,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily
from server.catalog.publication_objects import (
    Publication,
    PublishedSchema,
    PublishedTable,
    Subscription,
)
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.tablespaces import Tablespace
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.relation import Row, SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

CATALOG_OF: dict[type[CatalogObject], str] = {
    Table: "pg_class",
    Index: "pg_class",
    Sequence: "pg_class",
    Schema: "pg_namespace",
    Constraint: "pg_constraint",
    UserType: "pg_type",
    UserFunction: "pg_proc",
    UserOperator: "pg_operator",
    UserCast: "pg_cast",
    Policy: "pg_policy",
    Publication: "pg_publication",
    Subscription: "pg_subscription",
    LargeObject: "pg_largeobject",
    ForeignDataWrapper: "pg_foreign_data_wrapper",
    ForeignServer: "pg_foreign_server",
    UserMapping: "pg_user_mapping",
    EventTrigger: "pg_event_trigger",
    Tablespace: "pg_tablespace",
    PublishedTable: "pg_publication_rel",
    PublishedSchema: "pg_publication_namespace",
    Rule: "pg_rewrite",
    ExtendedStatistics: "pg_statistic_ext",
    Trigger: "pg_trigger",
    TextSearchConfiguration: "pg_ts_config",
    TextSearchDictionary: "pg_ts_dict",
    TextSearchParser: "pg_ts_parser",
    TextSearchTemplate: "pg_ts_template",
    OperatorClass: "pg_opclass",
    OperatorFamily: "pg_opfamily",
    Collation: "pg_collation",
    Conversion: "pg_conversion",
    ExtensionObject: "pg_extension",
    Role: "pg_authid",
    Database: "pg_database",
}
"""The system catalog that lists each kind of object."""

CATALOG_OIDS = {
    "pg_class": 1259,
    "pg_namespace": 2615,
    "pg_constraint": 2606,
    "pg_type": 1247,
    "pg_proc": 1255,
    "pg_authid": 1260,
    "pg_database": 1262,
    "pg_attrdef": 2604,
    "pg_rewrite": 2618,
    "pg_policy": 3256,
    "pg_publication": 6104,
    "pg_subscription": 6100,
    "pg_publication_rel": 6106,
    "pg_publication_namespace": 6237,
    "pg_statistic_ext": 3381,
    "pg_largeobject": 2613,
    "pg_foreign_data_wrapper": 2328,
    "pg_foreign_server": 1417,
    "pg_user_mapping": 1418,
    "pg_event_trigger": 3466,
    "pg_tablespace": 1213,
    "pg_trigger": 2620,
    "pg_operator": 2617,
    "pg_opclass": 2616,
    "pg_opfamily": 2753,
    "pg_collation": 3456,
    "pg_conversion": 2607,
    "pg_cast": 2605,
    "pg_extension": 3079,
    "pg_ts_config": 3602,
    "pg_ts_dict": 3600,
    "pg_ts_parser": 3601,
    "pg_ts_template": 3764,
}


def class_oid(value: CatalogObject) -> int:
    """The OID of the system catalog that lists an object."""
    return CATALOG_OIDS[CATALOG_OF[type(value)]]


@cache
def builtin_descriptions() -> dict[tuple[str, Oid], str]:
    """What the tables of functions say, by system catalog and OID."""
    from server.catalog.builtin import BUILTIN  # which is made of these relations, among others

    return {(catalog, oid): text for catalog, oid, text in BUILTIN.described()}


def _descriptions(view: CatalogView) -> Iterator[Row]:
    for (catalog, oid), text in builtin_descriptions().items():
        yield {
            "objoid": oid,
            "classoid": CATALOG_OIDS[catalog],
            "objsubid": 0,
            "description": text,
        }
    for value in view.objects(CatalogObject):
        if type(value) not in CATALOG_OF or isinstance(value, Role | Database | Tablespace):
            continue
        if value.comment is not None:
            yield _row(value, 0, value.comment)
        if isinstance(value, Table):
            for column in value.live_columns:
                if column.comment is not None:
                    yield _row(value, column.number, column.comment)


def _row(value: CatalogObject, number: int, text: str) -> Row:
    return {
        "objoid": value.number if isinstance(value, LargeObject) else value.oid,
        "classoid": class_oid(value),
        "objsubid": number,
        "description": text,
    }


def _shared(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(CatalogObject):
        if isinstance(value, Role | Database | Tablespace) and value.comment is not None:
            yield _row(value, 0, value.comment)


RELATIONS = (
    SystemRelation(name="pg_description", objects=_descriptions),
    SystemRelation(name="pg_shdescription", objects=_shared),
)
