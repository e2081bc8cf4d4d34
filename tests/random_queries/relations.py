"""The tables of random queries as other kinds of relations: schemas with the same names, columns and rows.

Rule 1: a query finds them by the search path; nothing in it says which they are.
"""

from __future__ import annotations

from typing import Final

from tests.random_queries.tables import COLUMNS, TABLES

_LIST: Final = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
_NAMES: Final = ", ".join(name for name, _ in COLUMNS)
_BACKWARD: Final = ", ".join(f"{name} {kind}" for name, kind in reversed(COLUMNS))


def _filled(table: str) -> str:
    return f"insert into {table} ({_NAMES}) select {_NAMES} from rq.{table}"


def _partitioned(table: str) -> list[str]:
    """By range of the key, or by its hash; one part is partitioned again, one has its columns in another order."""
    if table in ("t2", "t5"):
        return [
            f"create table {table} ({_LIST}, primary key (id)) partition by hash (id)",
            *(
                f"create table {table}_{n} partition of {table} for values with (modulus 3, remainder {n})"
                for n in range(3)
            ),
            _filled(table),
        ]
    return [
        f"create table {table} ({_LIST}, primary key (id)) partition by range (id)",
        f"create table {table}_1 partition of {table} for values from (minvalue) to (4)",
        f"create table {table}_2 partition of {table} for values from (4) to (12) partition by hash (id)",
        f"create table {table}_2a partition of {table}_2 for values with (modulus 2, remainder 0)",
        f"create table {table}_2b partition of {table}_2 for values with (modulus 2, remainder 1)",
        f"create table {table}_3 (gone int, {_BACKWARD}, primary key (id))",
        f"alter table {table}_3 drop column gone",
        f"alter table {table} attach partition {table}_3 default",
        f"create index on {table} (a)",
        _filled(table),
    ]


def _inherited(table: str) -> list[str]:
    """A parent with a third of the rows, a child with a column more, and one with a check."""
    return [
        f"create table {table} ({_LIST}, primary key (id))",
        f"create table {table}_more (more text default 'm', primary key (id)) inherits ({table})",
        f"create table {table}_checked (primary key (id), check (id % 3 = 2)) inherits ({table})",
        *(
            f"insert into {table}{child} ({_NAMES}) select {_NAMES} from rq.{table} where id % 3 = {n}"
            for n, child in enumerate(("", "_more", "_checked"))
        ),
    ]


def _viewed(table: str) -> list[str]:
    """Views of views of a table with its columns in another order, which may be changed."""
    base = [
        f"create table {table}_base (gone int, {_BACKWARD}, primary key (id))",
        f"alter table {table}_base drop column gone",
        _filled(table).replace(f"into {table}", f"into {table}_base"),
    ]
    check = {"t1": " with check option", "t2": "", "t3": " with local check option"}.get(table, "")
    barrier = " with (security_barrier)" if table == "t2" else ""
    return [
        *base,
        f"create view {table}_inner as select * from {table}_base where id is not null and id < 70",
        f"create view {table}{barrier} as select {_NAMES} from {table}_inner where id > 0{check}",
    ]


def _computed(table: str) -> list[str]:
    """What can only be read: views of set operations, groups and functions, kept and not."""
    read = f"select {_NAMES} from rq.{table}"
    forms = {
        "t1": f"create view t1 as {read} where a > 0 union all {read} where (a > 0) is not true",
        "t2": f"create view t2 as select distinct on (id) {_NAMES} from rq.t2 order by id, g",
        "t3": "create view t3 as select id, min(a) as a, max(b) as b, min(c) as c, sum(d) as d, max(e) as e, "
              "bool_and(f) as f, (array_agg(g))[1] as g from rq.t3 group by id",
        "t4": f"create materialized view t4 as {read}",
        "t5": "create view t5 as select * from all_of_t5()",
    }  # fmt: skip
    return [forms[table]]


def _guarded(table: str) -> list[str]:
    """Tables with row level security: most rows may be seen, fewer changed."""
    return [
        f"create table {table} ({_LIST}, primary key (id))",
        _filled(table),
        f"alter table {table} enable row level security",
        f"create policy seen on {table} for select using (id % 5 <> 0)",
        f"create policy changed on {table} for update using (id % 2 = 1 or a is null)",
        f"create policy gone on {table} for delete using (b < 3)",
        f"create policy came on {table} for insert with check (id <> 33)",
        f"grant all on {table} to {READER}",
    ]


def _typed(table: str) -> list[str]:
    """Columns of domains and with a collation; a trigger that writes, and a column that is generated."""
    generated = table == "t5"
    columns = ", ".join(
        {
            "a": "a small",
            "c": 'c text collate "C"',
            "d": "d positive",
            "g": "g bigint generated always as (a * 2 + b) stored"
            if generated
            else "g bigint default 5",
        }.get(name, f"{name} {kind}")
        for name, kind in COLUMNS
    )
    names = _NAMES.replace(", g", "") if generated else _NAMES
    found = [
        f"create table {table} ({columns}, primary key (id))",
        f"insert into {table} ({names}) select {names} from rq.{table}",
        f"create index on {table} (c, b)",
        f"create index on {table} ((a + b)) where f",
    ]
    if table in ("t1", "t2"):
        found.append(
            f"create trigger written before insert or update on {table} for each row execute function written()"
        )
    if table in ("t2", "t3"):
        found.append(
            f"create trigger told after update on {table} referencing old table as before new table as after "
            "for each statement execute function told()"
        )
    return found


READER: Final = "rq_reader"
_BEFORE: Final = {
    "computed": (
        "create function all_of_t5() returns setof rq.t5 language sql stable as $$select * from rq.t5$$",
    ),
    "typed": (
        "create domain small as int check (value < 1000)",
        "create domain positive as numeric check (value > -10000)",
        "create function written() returns trigger language plpgsql as $$begin new.b := coalesce(new.b, 0); "
        "return new; end$$",
        "create function told() returns trigger language plpgsql as $$declare n bigint; begin "
        "select count(*) into n from before join after using (id) where before.b is distinct from after.b; "
        "raise notice '% of %', n, (select count(*) from after); return null; end$$",
    ),
    "guarded": (
        f"do $$begin create role {READER}; exception when duplicate_object or unique_violation then null; end$$",
        f"grant usage on schema rq_guarded, rq to {READER}",
    ),
}
_MAKERS: Final = {
    "partitioned": _partitioned,
    "inherited": _inherited,
    "viewed": _viewed,
    "computed": _computed,
    "guarded": _guarded,
    "typed": _typed,
}
PATHS: Final = {
    name: (
        f"set search_path to rq_{name}, rq",
        *((f"set role {READER}",) if name == "guarded" else ()),
    )
    for name in _MAKERS
}
"""What has a query read each kind."""
PLAIN: Final = ("reset role", "set search_path to rq")


def statements() -> list[str]:
    """What makes all kinds anew, after the tables."""
    found = []
    for name, made in _MAKERS.items():
        schema = f"rq_{name}"
        found += [f"drop schema if exists {schema} cascade", f"create schema {schema}",
                  f"set search_path to {schema}", *_BEFORE.get(name, ())]  # fmt: skip
        for table in TABLES:
            found += [
                *made(table),
                f"analyze {table}",
            ]
    return [*found, "set search_path to rq"]
