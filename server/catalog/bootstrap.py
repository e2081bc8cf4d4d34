"""SYSTEM_OBJECTS: the objects every database has without storing them.

System schemas, relations and predefined roles.

The system relations are described in data/system_relations.tsv, one line each: schema, name, OID,
kind, OID of the row type, whether it is shared, and its columns as name:type[:modifier][!], ! for
NOT NULL. What is in them is computed from the catalog when they are read (see system_views).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import starmap
from typing import TYPE_CHECKING

from server.catalog.built_in_text_search import text_search_objects
from server.catalog.objects import (
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    PG_TOAST_OID,
    READ_ALL_STATS_OID,
    CatalogObject,
    Column,
    Role,
    Schema,
    Table,
    Toast,
    UserType,
)
from server.data_files import data_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCHEMAS: Mapping[str, int] = {
    "pg_catalog": PG_CATALOG_OID,
    "information_schema": INFORMATION_SCHEMA_OID,
}
_TOASTED = (
    "826:4143 1213:4185 1247:4171 1255:2836 1260:4175 1262:4177 1417:4151 1418:4173 2328:4149 2396:2846 2600:4159 "
    "2604:2830 2606:2832 2609:2834 2612:4157 2615:4163 2618:2838 2619:2840 2620:2336 2964:2966 3079:4147 3118:4153 "
    "3256:4167 3350:4165 3381:3439 3394:4155 3429:3430 3456:6175 3466:4145 3592:4060 3596:3598 3600:4169 6000:4181 "
    "6100:4183 6106:6228 6243:6244 13391:13394 13396:13399 13401:13404 13406:13409"
)
TOAST_OF_CATALOG: Mapping[int, int] = {
    int(table): int(toast) for table, _, toast in (pair.partition(":") for pair in _TOASTED.split())
}
"""The TOAST relations of system relations; each has its index under the next OID."""

PREDEFINED_ROLES: Mapping[int, str] = {
    3373: "pg_monitor",
    3374: "pg_read_all_settings",
    3375: "pg_read_all_stats",
    3377: "pg_stat_scan_tables",
    4200: "pg_signal_backend",
    4544: "pg_checkpoint",
    4569: "pg_read_server_files",
    4570: "pg_write_server_files",
    4571: "pg_execute_server_program",
    6171: "pg_database_owner",
    6181: "pg_read_all_data",
    6182: "pg_write_all_data",
}

INFORMATION_SCHEMA_DOMAINS: Mapping[int, tuple[str, int]] = {
    13221: ("cardinal_number", 23),
    13224: ("character_data", 1043),
    13226: ("sql_identifier", 19),
    13232: ("time_stamp", 1184),
    13234: ("yes_or_no", 1043),
}


PRIVATE_RELATIONS = frozenset(
    (
        "_pg_foreign_data_wrappers",
        "_pg_foreign_servers",
        "_pg_foreign_table_columns",
        "_pg_foreign_tables",
        "_pg_user_mappings",
        "pg_authid",
        "pg_config",
        "pg_file_settings",
        "pg_hba_file_rules",
        "pg_ident_file_mappings",
        "pg_largeobject",
        "pg_replication_origin_status",
        "pg_shadow",
        "pg_statistic",
        "pg_statistic_ext_data",
        "pg_subscription",
        "pg_user_mapping",
        "sql_parts",
        "transforms",
    )
)
MONITORED_RELATIONS = frozenset(("pg_backend_memory_contexts", "pg_shmem_allocations"))
SECRET_COLUMNS = {"pg_subscription": ("subconninfo",)}
"""Relations that everybody may read but for these columns."""
OWNER_ACL = "10=arwdDxt/10"
SCHEMA_ACL = ("10=UC/10", "0=U/10")


def _columns(relation: str, text: str) -> Iterator[Column]:
    secret = SECRET_COLUMNS.get(relation)
    parts = enumerate(text.split(" "), 1)
    if secret is None:
        return starmap(_column, parts)  # a quarter are the same as another relation's
    return (_secret_column(_column(number, part), secret) for number, part in parts)


@cache
def _column(number: int, part: str) -> Column:
    not_null = part.endswith("!")
    name, kind, *modifier = part.removesuffix("!").split(":")
    return Column(
        number=number,
        name=name,
        type=int(kind),
        modifier=int(modifier[0]) if modifier else -1,
        not_null=not_null,
    )


def _secret_column(column: Column, secret: Sequence[str]) -> Column:
    return column if column.name in secret else replace(column, acl=("0=r/10",))


def _relations() -> Iterator[Table]:
    text = data_text("system_relations.tsv")
    for line in text.splitlines():
        schema, name, oid, kind, row_type, array_type, _, columns = line.split("\t")
        yield Table(
            oid=int(oid),
            name=name,
            schema=SCHEMAS[schema],
            kind=kind,
            row_type=int(row_type),
            array_type=int(array_type),
            columns=tuple(_columns(name, columns)),
            provider=name if schema == "pg_catalog" else f"{schema}.{name}",
            acl=_acl(name) if kind in "rv" else None,
            toast=_toast(int(oid)),
        )


def _toast(oid: int) -> Toast | None:
    found = TOAST_OF_CATALOG.get(oid)
    return None if found is None else Toast(oid=found, index=found + 1)


def _acl(name: str) -> tuple[str, ...]:
    """Everybody reads the catalog, but for what only superusers may see."""
    if name in PRIVATE_RELATIONS:
        return (OWNER_ACL,)
    if name in MONITORED_RELATIONS:
        return (OWNER_ACL, f"{READ_ALL_STATS_OID}=r/10")
    return (OWNER_ACL, "0=rw/10" if name == "pg_settings" else "0=r/10")


def _objects() -> Iterator[CatalogObject]:
    yield Schema(
        oid=PG_CATALOG_OID, name="pg_catalog", comment="system catalog schema", acl=SCHEMA_ACL
    )
    yield Schema(oid=PG_TOAST_OID, name="pg_toast")
    yield Schema(oid=INFORMATION_SCHEMA_OID, name="information_schema", acl=SCHEMA_ACL)
    for oid, name in PREDEFINED_ROLES.items():
        yield Role(oid=oid, name=name)
    for oid, (name, base) in INFORMATION_SCHEMA_DOMAINS.items():
        yield UserType(oid=oid, name=name, schema=INFORMATION_SCHEMA_OID, kind="d", base_type=base)
    relations = tuple(_relations())
    yield from relations
    yield from text_search_objects({table.name: table for table in relations})


SYSTEM_OBJECTS: tuple[CatalogObject, ...] = tuple(_objects())
"""Every built-in object that is not a type, function, operator or cast."""
