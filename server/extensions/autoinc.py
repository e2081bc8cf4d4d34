"""autoinc: a trigger that gives columns the next values of sequences where a row has none.

It is written in PL/pgSQL, as those of row_triggers.
"""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

_BODY: Final = """
create function autoinc() returns trigger language plpgsql as $body$
declare
  kind oid;
  given int;
begin
  if tg_level <> 'ROW' then
    raise exception using errcode = 'XX000', message = 'must be fired for row';
  elsif tg_when <> 'BEFORE' then
    raise exception using errcode = 'XX000', message = 'must be fired before event';
  elsif tg_op = 'DELETE' then
    raise exception using errcode = 'XX000', message = 'cannot process DELETE events';
  elsif tg_nargs = 0 or tg_nargs % 2 = 1 then
    raise exception using errcode = 'XX000', message = pg_catalog.format(
      'autoinc (%s): even number gt 0 of arguments was expected', tg_table_name);
  end if;
  for place in 0 .. tg_nargs - 1 by 2 loop
    select atttypid into kind from pg_catalog.pg_attribute
      where attrelid = tg_relid and attname = tg_argv[place] and not attisdropped and attnum > 0;
    if kind is null then
      raise exception using errcode = '09000',
        message = pg_catalog.format('"%s" has no attribute "%s"', tg_table_name, tg_argv[place]);
    elsif kind <> 'pg_catalog.int4'::pg_catalog.regtype then
      raise exception using errcode = '09000', message = pg_catalog.format(
        'attribute "%s" of "%s" must be type INT4', tg_argv[place], tg_table_name);
    end if;
    given := (pg_catalog.to_jsonb(new) ->> tg_argv[place])::int;
    continue when given is not null and given <> 0;
    given := pg_catalog.nextval(tg_argv[place + 1]::pg_catalog.regclass);
    if given = 0 then given := pg_catalog.nextval(tg_argv[place + 1]::pg_catalog.regclass); end if;
    new := pg_catalog.jsonb_populate_record(
      new, pg_catalog.jsonb_build_object(tg_argv[place], given));
  end loop;
  return new;
end $body$;
"""

AUTOINC: Final = Extension(
    name="autoinc",
    version="1.0",
    comment="functions for autoincrementing fields",
    trusted=False,
    declarations="",
    functions={},
    more=_BODY,
)
