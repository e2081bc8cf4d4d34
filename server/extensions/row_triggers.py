"""moddatetime, insert_username and lo: functions for triggers that set or look after one column.

They are written in PL/pgSQL: a row gets its column by name through jsonb_populate_record, which leaves the others.
"""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension


def _trigger(name: str, body: str) -> str:
    return (
        f"create function {name}() returns trigger language plpgsql as $body$\n"
        f"begin\n{body}\nend $body$;"
    )


def _refuse(name: str, condition: str, message: str) -> str:
    return (
        f"if {condition} then raise exception using errcode = 'XX000', "
        f"message = '{name}: {message}'; end if;"
    )


_COLUMN_EXISTS: Final = """
if not pg_catalog.jsonb_exists(pg_catalog.to_jsonb(new), tg_argv[0]) then
  raise exception using errcode = '09000',
    message = pg_catalog.format('"%s" has no attribute "%s"', tg_table_name, tg_argv[0]);
end if;
"""


def _set(value: str) -> str:
    return (
        "new := pg_catalog.jsonb_populate_record("
        f"new, pg_catalog.jsonb_build_object(tg_argv[0], {value}));\nreturn new;"
    )


_MODDATETIME: Final = "\n".join(
    (
        _refuse("moddatetime", "tg_level <> 'ROW'", "must be fired for row"),
        _refuse("moddatetime", "tg_when = 'AFTER'", "must be fired before event"),
        _refuse("moddatetime", "tg_op = 'INSERT'", "cannot process INSERT events"),
        _refuse("moddatetime", "tg_op = 'DELETE'", "cannot process DELETE events"),
        _refuse("moddatetime", "tg_nargs <> 1", "A single argument was expected"),
        _COLUMN_EXISTS,
        _set("pg_catalog.now()"),
    )
)
_INSERT_USERNAME: Final = "\n".join(
    (
        _refuse("insert_username", "tg_level <> 'ROW'", "must be fired for row"),
        _refuse("insert_username", "tg_when = 'AFTER'", "must be fired before event"),
        _refuse("insert_username", "tg_op = 'DELETE'", "cannot process DELETE events"),
        _refuse("insert_username", "tg_nargs <> 1", "one argument was expected"),
        _COLUMN_EXISTS,
        _set("current_user"),
    )
)
_LO_MANAGE: Final = """
if tg_level <> 'ROW' then raise exception 'lo_manage: must be fired for row'; end if;
if tg_nargs < 1 then raise exception 'lo_manage: no column name provided in trigger definition'; end if;
declare
  before oid := (pg_catalog.to_jsonb(old) ->> tg_argv[0])::oid;
  after oid := case when tg_op = 'UPDATE' then (pg_catalog.to_jsonb(new) ->> tg_argv[0])::oid end;
begin
  if before is not null and before is distinct from after then
    perform pg_catalog.lo_unlink(before);
  end if;
end;
if tg_op = 'DELETE' then return old; end if;
return new;
"""


def _extension(name: str, version: str, comment: str, more: str, *, trusted: bool) -> Extension:
    return Extension(
        name=name,
        version=version,
        comment=comment,
        declarations="",
        functions={},
        more=more,
        trusted=trusted,
    )


MODDATETIME: Final = _extension(
    "moddatetime",
    "1.0",
    "functions for tracking last modification time",
    _trigger("moddatetime", _MODDATETIME),
    trusted=False,
)
INSERT_USERNAME: Final = _extension(
    "insert_username",
    "1.0",
    "functions for tracking who changed a table",
    _trigger("insert_username", _INSERT_USERNAME),
    trusted=False,
)
LO: Final = _extension(
    "lo",
    "1.1",
    "Large Object maintenance",
    "create domain lo as pg_catalog.oid;\n"
    "create function lo_oid(lo) returns pg_catalog.oid language sql strict immutable parallel safe "
    "as 'select $1::pg_catalog.oid';\n" + _trigger("lo_manage", _LO_MANAGE),
    trusted=True,
)
