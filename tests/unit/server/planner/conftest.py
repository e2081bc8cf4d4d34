"""A catalog of small tables, made from short descriptions, and plans printed as text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.catalog.catalog_view import CatalogView
from server.catalog.objects import (
    PG_CATALOG_OID,
    PUBLIC_OID,
    CatalogObject,
    Column,
    Constraint,
    Index,
    IndexKey,
    Schema,
    Table,
)
from server.catalog.state import CatalogState
from server.planner.environment import PlanningEnvironment
from server.planner.plan_statement import plan_statement
from server.sql.parse import parse_statements

TYPES = {
    "int": (23, -1),
    "integer": (23, -1),
    "bigint": (20, -1),
    "text": (25, -1),
    "date": (1082, -1),
    "numeric": (1700, -1),
    "bool": (16, -1),
    "float8": (701, -1),
    "timestamptz": (1184, -1),
    "json": (114, -1),
    "text[]": (1009, -1),
    "int[]": (1007, -1),
}


def column_type(text: str) -> tuple[int, int]:
    sized = re.fullmatch(r"(numeric|decimal|varchar|char)\((\d+)(?:,\s*(\d+))?\)", text)
    if sized is None:
        return TYPES[text]
    name, first, second = sized.group(1), int(sized.group(2)), int(sized.group(3) or 0)
    if name in ("numeric", "decimal"):
        return 1700, (first << 16 | second) + 4
    return (1043 if name == "varchar" else 1042), first + 4


class Sample:
    """A catalog in the making. Tables are described as "a int not null, b text"."""

    def __init__(self) -> None:
        self.objects: list[CatalogObject] = []
        self.rows: dict[str, float] = {}
        self.next_oid = 20000
        if not any(isinstance(each, Schema) and each.oid == PUBLIC_OID for each in self.objects):
            self.objects.append(Schema(oid=PUBLIC_OID, name="public"))

    def oid(self) -> int:
        self.next_oid += 1
        return self.next_oid

    def table(self, name: str, columns: str, rows: float = 1000, **options) -> Table:
        made = []
        for number, text in enumerate(re.split(r",\s*(?![^(]*\))", columns), 1):
            column, _, rest = text.strip().partition(" ")
            not_null = rest.endswith(" not null")
            default = None
            rest = rest.removesuffix(" not null")
            if " default " in rest:
                rest, _, default = rest.partition(" default ")
            oid, modifier = column_type(rest)
            made.append(
                Column(
                    number=number,
                    name=column,
                    type=oid,
                    modifier=modifier,
                    not_null=not_null,
                    default=default,
                )
            )
        oid = self.oid()
        table = Table(
            oid=oid, name=name, schema=PUBLIC_OID, columns=tuple(made), storage_id=oid, **options
        )
        self.objects.append(table)
        self.rows[name] = rows
        return table

    def view(self, name: str, columns: str, query: str) -> None:
        self.table(name, columns, kind="v", view_query=query)

    def index(self, table: str, keys: str, **options) -> Index:
        found = self.find(table)
        numbers = [found.column_named(key.strip()).number for key in keys.split(",")]
        index = Index(
            oid=self.oid(),
            name=f"{table}_{keys.replace(', ', '_')}_idx",
            schema=PUBLIC_OID,
            table=found.oid,
            storage_id=self.next_oid,
            keys=tuple(IndexKey(number=n, type=found.column(n).type) for n in numbers),
            **options,
        )
        self.objects.append(index)
        return index

    def primary_key(self, table: str, keys: str) -> None:
        index = self.index(table, keys, unique=True, primary=True)
        numbers = tuple(key.number for key in index.keys)
        self.objects.append(
            Constraint(
                oid=self.oid(),
                name=f"{table}_pkey",
                schema=PUBLIC_OID,
                table=index.table,
                kind="p",
                columns=numbers,
                index=index.oid,
            )
        )

    def check(self, table: str, name: str, expression: str) -> None:
        self.objects.append(
            Constraint(
                oid=self.oid(),
                name=name,
                schema=PUBLIC_OID,
                table=self.find(table).oid,
                kind="c",
                expression=expression,
            )
        )

    def find(self, name: str) -> Table:
        return next(t for t in self.objects if isinstance(t, Table) and t.name == name)

    def environment(self, parameter_types: tuple[int, ...] = ()) -> PlanningEnvironment:
        view = CatalogView(CatalogState(self.objects, version=1))
        return PlanningEnvironment(
            catalog=view,
            search_path=(PG_CATALOG_OID, PUBLIC_OID),
            parameter_types=parameter_types,
            row_count=lambda table: self.rows.get(table.name, 1000.0),
        )

    def plan(self, sql: str, parameter_types: tuple[int, ...] = ()):
        statement = parse_statements(sql)[0]
        return plan_statement(statement, self.environment(parameter_types))


TPCH_ROWS = {
    "region": 5,
    "nation": 25,
    "supplier": 10_000,
    "part": 200_000,
    "partsupp": 800_000,
    "customer": 150_000,
    "orders": 1_500_000,
    "lineitem": 6_001_215,
}


@pytest.fixture
def sample() -> Sample:
    """Tables t(a, b, c) with a primary key, u(a, x), v(d, t)."""
    made = Sample()
    made.table("t", "a int not null, b text, c numeric(10,2)")
    made.primary_key("t", "a")
    made.table("u", "a int, x bigint")
    return made


TPCH_TABLES = {
    "region": "r_regionkey int not null, r_name char(25), r_comment varchar(152)",
    "nation": "n_nationkey int not null, n_name char(25), n_regionkey int, n_comment varchar(152)",
    "supplier": "s_suppkey int not null, s_name char(25), s_address varchar(40), s_nationkey int, "
    "s_phone char(15), s_acctbal decimal(15,2), s_comment varchar(101)",
    "part": "p_partkey int not null, p_name varchar(55), p_mfgr char(25), p_brand char(10), "
    "p_type varchar(25), p_size int, p_container char(10), p_retailprice decimal(15,2), "
    "p_comment varchar(23)",
    "partsupp": "ps_partkey int not null, ps_suppkey int not null, ps_availqty int, "
    "ps_supplycost decimal(15,2), ps_comment varchar(199)",
    "customer": "c_custkey int not null, c_name varchar(25), c_address varchar(40), "
    "c_nationkey int, c_phone char(15), c_acctbal decimal(15,2), c_mktsegment char(10), "
    "c_comment varchar(117)",
    "orders": "o_orderkey int not null, o_custkey int, o_orderstatus char(1), "
    "o_totalprice decimal(15,2), o_orderdate date, o_orderpriority char(15), o_clerk char(15), "
    "o_shippriority int, o_comment varchar(79)",
    "lineitem": "l_orderkey int not null, l_partkey int, l_suppkey int, l_linenumber int not null, "
    "l_quantity decimal(15,2), l_extendedprice decimal(15,2), l_discount decimal(15,2), "
    "l_tax decimal(15,2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, "
    "l_commitdate date, l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10), "
    "l_comment varchar(44)",
}
TPCH_KEYS = {
    "region": "r_regionkey",
    "nation": "n_nationkey",
    "supplier": "s_suppkey",
    "part": "p_partkey",
    "partsupp": "ps_partkey, ps_suppkey",
    "customer": "c_custkey",
    "orders": "o_orderkey",
    "lineitem": "l_orderkey, l_linenumber",
}


@pytest.fixture
def tpch() -> Sample:
    """The TPC-H schema with its keys, at scale factor 1."""
    made = Sample()
    for name, columns in TPCH_TABLES.items():
        made.table(name, columns, TPCH_ROWS[name])
        made.primary_key(name, TPCH_KEYS[name])
    for table, keys in (
        ("orders", "o_custkey"),
        ("lineitem", "l_partkey, l_suppkey"),
        ("lineitem", "l_suppkey"),
        ("partsupp", "ps_suppkey"),
        ("customer", "c_nationkey"),
        ("supplier", "s_nationkey"),
    ):
        made.index(table, keys)
    return made


@pytest.fixture
def golden_folder() -> Path:
    """Where golden files live."""
    return Path(__file__).parents[3] / "golden"
