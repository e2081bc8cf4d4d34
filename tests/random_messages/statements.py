"""The statements that sequences are made of, and the objects that they are about."""

from typing import Final

SCHEMA: Final = "rm"
"""Where the objects are; connections have it as their search path."""

SETUP: Final = (
    f"drop schema if exists {SCHEMA} cascade",
    f"create schema {SCHEMA}",
    "create table t (a serial primary key, b text)",
    "insert into t (b) values ('x'), ('y'), ('z')",
    "create table r (a int references t deferrable)",
    "create function f(int) returns int language plpgsql as $f$ begin return $1 + 1; end $f$",
    "create function s(int) returns setof int language sql as 'select generate_series(1, $1)'",
    "create procedure p(inout x int) language plpgsql as "
    "$f$ begin raise notice 'from %', x; x := x + 1; end $f$",
)

READS: Final = (
    "select a, b from t order by a",
    "select a from t where a = $1",
    "select a from t where b = $1",
    "select a from t where a in (1, 2) for update",
    "select a, count(*) over () from t order by a limit 3",
    "select $1",
    "select $1::text, $2::int",
    "select $1::int[]",
    "select 1 / (a - a) from t",
    "select 1 / ($1::int - 1)",
    "select f(a) from t order by a",
    "select * from s(3)",
    "select generate_series(1, 5)",
    "select date '2020-01-02'",
    "select nosuch",
    "selekt",
    "",
    "select 1; select 2",
    "values (1, 'a'), (2, 'b')",
    "table t",
    "select * from v",
    "select * from d",
    "select count(*) from pg_cursors",
    "select name from pg_prepared_statements order by 1",
    "select nextval('t_a_seq')",
    "select lastval()",
    "select currval('t_a_seq') > 0",
    "select pg_advisory_xact_lock(1)",
    "select statement_timestamp() = now()",
    "explain (costs off) select 1",
)
CHANGES: Final = (
    "insert into t values ($1, 'x') returning *",
    "insert into t (b) values ('q') returning a, b",
    "insert into t values (1, 'twice') returning a",
    "insert into t values (1, 'twice') on conflict do nothing returning a",
    "insert into t select g, 'g' from generate_series(100, 102) g on conflict do nothing returning a",
    "update t set b = b || '!' where a = 1 returning b",
    "update t set a = a + 10 returning a",
    "delete from t where a = $1",
    "delete from t where a = 2 returning *",
    "with x as (insert into t values (77, 'w') on conflict do nothing returning a) select * from x",
    "with w as (delete from t where a = 3 returning a) insert into r select 1 from w returning a",
    "merge into t using (values (1)) v(k) on t.a = v.k when matched then update set b = 'm'",
    "insert into r values ($1) returning a",
    "insert into r values (1), (999)",
    "insert into v values (500)",
    "truncate t",
    "truncate t, r",
    "call p(1)",
    "call p($1)",
    "do $$ begin raise notice 'told'; end $$",
    "do $$ begin perform 1 / 0; end $$",
    "do $$ begin insert into t (b) values ('do'); raise exception 'no'; "
    "exception when others then raise notice 'caught'; end $$",
)
TRANSACTIONS: Final = (
    *("begin", "begin", "start transaction read only", "commit", "end", "rollback", "abort"),
    *("commit and chain", "rollback and chain"),
    *("savepoint a", "savepoint b", "rollback to a", "rollback to b", "release a", "release b"),
    *("set transaction isolation level serializable", "set transaction read only"),
    *("set transaction isolation level repeatable read", "show transaction_isolation"),
    *("set constraints all deferred", "set constraints all immediate", "lock table t"),
)
CURSORS: Final = (
    "declare c cursor for select a from t order by a",
    "declare h cursor with hold for select a, b from t order by a",
    "declare k scroll cursor for select a from t order by a",
    "declare n no scroll cursor for select a from t order by a",
    *("fetch 2 from c", "move 1 from c", "fetch all from c", "fetch 1 from h", "fetch 2 from k"),
    *("fetch backward 1 from k", "fetch prior from n", "fetch last from k", "fetch 0 from n"),
    *("fetch absolute -2 from h", "move forward 2 from k", "fetch relative 0 from k"),
    *("close c", "close h", "close k", "close all"),
    "update t set b = 'c' where current of n",
    "delete from t where current of k",
)
SESSIONS: Final = (
    *("show work_mem", "set work_mem = '5MB'", "set local work_mem = '7MB'", "reset all"),
    *("show datestyle", "set datestyle = 'German'", "set application_name = 'random'"),
    *("discard all", "discard plans", "deallocate all", "listen l", "notify l, 'x'", "unlisten *"),
    "set session characteristics as transaction read only",
    "set session characteristics as transaction read write",
    "prepare q as select a from t where a > $1 order by 1",
    "prepare q(int) as select a from t where a = $1",
    *("execute q(1)", "execute q('x')", "deallocate q"),
)
DEFINITIONS: Final = (
    "create temp table tt (x int)",
    "create temp table tt (x int) on commit drop",
    "create temp table tt (x int) on commit delete rows",
    "insert into tt values (1) returning x",
    "select count(*) from tt",
    "drop table tt",
    "create table d (x int primary key)",
    "insert into d values (1)",
    "alter table d add y int default 5",
    "drop table d",
    "create view v as select a from t",
    "drop view v",
    "create or replace function f(int) returns int language sql as 'select $1 + 2'",
    *("comment on table t is 'x'", "analyze t", "vacuum t"),
)
COPIES: Final = ("copy t to stdout", "copy (select a from t order by a) to stdout")
COPIES_IN: Final = ("copy t (b) from stdin", "copy r from stdin", "copy nosuch from stdin")
COPIED: Final = (b"1\n", b"x\n2\n", b"1\t2\n", b"", b"\\.\n")

STATEMENTS: Final = (
    *(READS + CHANGES + TRANSACTIONS + CURSORS + SESSIONS + DEFINITIONS + COPIES),
    *TRANSACTIONS,  # sequences are short, so that those which make a difference for others come often
)
