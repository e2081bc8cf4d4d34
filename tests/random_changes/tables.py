"""The tables of a sequence: a table with everything that can hang on one, its parents and children, and views.

Rule 1: what triggers write does not depend on the order in which rows are met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

COLUMNS: Final = {
    "id": "int",
    "k": "int",
    "a": "int",
    "b": "text",
    "c": "numeric(8,2)",
    "d": "date",
    "e": "int[]",
    "r": "int4range",
    "j": "jsonb",
    "p": "int",
}
"""The columns of t, by name."""
LITERALS: Final = {
    "int": ("0", "1", "2", "3", "4", "5", "7", "-1", "12", "null"),
    "text": ("'a'", "'b'", "'c'", "'ab'", "''", "'A'", "'a long text of no importance'", "null"),
    "numeric(8,2)": ("0", "1.5", "2.50", "-3.255", "99.999", "null"),
    "date": ("'2020-01-01'", "'2020-02-29'", "'2021-12-31'", "'infinity'", "null"),
    "int[]": ("'{}'", "'{1,2}'", "'{2,3,NULL}'", "'{5}'", "null"),
    "int4range": ("'empty'", "'[1,3)'", "'[2,5)'", "'[7,9]'", "'(,0)'", "null"),
    "jsonb": ("'{}'", "'{\"x\": 1}'", '\'{"x": 2, "y": [1]}\'', "'[1,2]'", "'null'", "null"),
}
INDEXES: Final = (
    "create index {name} on t (a)",
    "create index {name} on t (b, a desc)",
    "create index {name} on t (a) where b is not null",
    "create index {name} on t (upper(b))",
    "create index {name} on t ((a + k)) include (b)",
    "create index {name} on t using hash (b)",
    "create index {name} on t using hash (a)",
    "create index {name} on t using gin (e)",
    "create index {name} on t using gin (j)",
    "create index {name} on t using gin (j jsonb_path_ops)",
    "create index {name} on t using gist (r)",
    "create index {name} on t using brin (a)",
    "create index {name} on t (c nulls first, d)",
    "create unique index {name} on t (id, a)",
    "create unique index {name} on t (k, id) where a > 2",
    "create unique index {name} on t (k, id, b) nulls not distinct",
    "create unique index {name} on t (k, id, lower(b))",
)
"""Indexes of t; unique ones have the columns that any partition key may have."""
TRIGGERS: Final = (
    "before insert on t for each row execute function tidy()",
    "before insert or update on t for each row when (new.a > 3) execute function tidy()",
    "before update of a on t for each row execute function tidy()",
    "before delete on t for each row when (old.a = 3) execute function kept()",
    "before update on t for each row when (new.b = 'c') execute function kept()",
    "after insert or update or delete on t for each row execute function noted()",
    "after update on t for each row when (old.a is distinct from new.a) execute function noted()",
    "after insert on t referencing new table as came for each statement execute function came()",
    "after update on t referencing old table as went new table as came for each statement execute function changed()",
    "after delete on t referencing old table as went for each statement execute function gone()",
    "before truncate on t execute function said()",
    "after insert or update or delete on t for each statement execute function said()",
)
_FUNCTIONS: Final = (
    "create function tidy() returns trigger language plpgsql as "
    "$$begin new.a := coalesce(new.a, 0) + 1; new.b := new.b || '+'; return new; end$$",
    "create function kept() returns trigger language plpgsql as $$begin return null; end$$",
    "create function noted() returns trigger language plpgsql as $$begin insert into log values "
    "(tg_op || ' ' || tg_when, coalesce(old.id, -9), coalesce(new.id, -9)); return null; end$$",
    "create function came() returns trigger language plpgsql as $$begin insert into log select "
    "tg_op || ' came', count(*), sum(a) from came; return null; end$$",
    "create function gone() returns trigger language plpgsql as $$begin insert into log select "
    "tg_op || ' went', count(*), sum(a) from went; return null; end$$",
    "create function changed() returns trigger language plpgsql as $$begin insert into log select tg_op || "
    "' both', (select sum(a) from went), (select sum(a) from came); return null; end$$",
    "create function said() returns trigger language plpgsql as $$begin insert into log values "
    "(tg_op || ' ' || tg_level, 0, 0); if tg_when = 'BEFORE' then return new; end if; return null; end$$",
)
_PARTITIONS: Final = {
    "list (k)": (
        "create table t_1 partition of t for values in (0, 1, 2)",
        "create table t_2 partition of t for values in (3, 4, null)",
        "create table t_3 partition of t default",
    ),
    "range (id)": (
        "create table t_1 partition of t for values from (minvalue) to (3)",
        "create table t_2 partition of t for values from (3) to (8)",
        "create table t_3 partition of t for values from (8) to (maxvalue)",
    ),
    "hash (k)": (
        "create table t_1 partition of t for values with (modulus 2, remainder 0)",
        "create table t_2 partition of t for values with (modulus 2, remainder 1)",
    ),
    "range (k, id)": (
        "create table t_1 partition of t for values from (minvalue, minvalue) to (2, 5)",
        "create table t_2 partition of t for values from (2, 5) to (6, 0)",
    ),
}
VIEWS: Final = (
    "create view v1 as select id, k, a, b from t where a > 1",
    "create view v2 as select k, id, a + 1 as a1, b from t where k < 5 with check option",
    "create view v3 as select id as i, k, b, a from v1 where b <> 'c' with local check option",
)
TABLES: Final = ("t", "parent", "child", "log")
"""What is looked at after each step."""


def statements(random: Random) -> list[str]:
    """What makes the tables of a sequence anew."""
    form = random.choice(("", "", "", "", *_PARTITIONS))
    keys = random.choice(_KEYS[bool(form)])
    columns = [
        "id int" + random.choice(("", "", " default 5")),
        "k int default 1",
        "a int" + random.choice(("", "", " check (a < 12)", " default 3")),
        "b text" + random.choice(("", "", " not null", " default 'z'", " check (b <> 'A')")),
        "c numeric(8,2)",
        "d date default '2020-05-05'",
        "e int[]",
        "r int4range",
        "j jsonb default '{}'",
        "p int" + random.choice(("", *_REFERENCES)),
        "g int generated always as (coalesce(a, 0) * 2 + k) stored",
    ]
    partitioned = f" partition by {form}" if form else ""
    found = [
        "create schema rc",
        "set search_path to rc",
        "create table log (what text, x bigint, y bigint)",
        "create table parent (id int primary key, name text unique)",
        "insert into parent values (0, 'zero'), (1, 'one'), (2, 'two'), (3, 'three'), (5, null)",
        *_FUNCTIONS,
        f"create table t ({', '.join([*columns, *keys])}){partitioned}",
        *_PARTITIONS.get(form, ()),
        _child(random, keys),
        *VIEWS,
    ]
    found += [
        random.choice(INDEXES).format(name=f"i{number}") for number in range(random.randint(0, 4))
    ]
    found += [
        f"create trigger g{number} {random.choice(TRIGGERS)}"
        for number in range(random.choice((0, 0, 1, 2, 3)))
    ]
    return found


_KEYS: Final = {
    False: (
        ("primary key (id)",),
        ("primary key (id)", "unique (k, b)"),
        ("unique (id) deferrable initially immediate",),
        ("primary key (id) deferrable initially deferred",),
        ("unique nulls not distinct (id)", "exclude using gist (r with &&)"),
        ("primary key (id, k)", "check (k >= 0)"),
        (),
    ),
    True: (
        ("primary key (id, k)",),
        ("unique (k, id)",),
        ("primary key (k, id)", "check (a is null or a <> 7)"),
        (),
    ),
}
_REFERENCES: Final = (
    " references parent",
    " references parent on delete cascade on update cascade",
    " references parent on delete set null deferrable initially deferred",
    " default 1 references parent on delete set default",
)


def _child(random: Random, keys: tuple[str, ...]) -> str:
    """A table that refers to t, if it has a key."""
    key = next((each for each in keys if each.startswith("primary key (id)")), "")
    action = random.choice(
        ("", " on delete cascade", " on delete set null", " on update cascade on delete cascade")
    )
    deferred = random.choice(("", " deferrable", " deferrable initially deferred"))
    if key == "primary key (id)":
        return f"create table child (n int, t_id int references t{action}{deferred})"
    if "primary key (id, k)" in keys:
        key = f"foreign key (t_id, k) references t (id, k){action}{deferred}"
        return f"create table child (n int, t_id int, k int, {key})"
    return "create table child (n int, t_id int)"
