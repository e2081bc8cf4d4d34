"""tcn: a trigger that notifies listeners of each row that was changed, by its primary key."""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

_BODY: Final = """
create function triggered_change_notification() returns trigger language plpgsql as $body$
declare
  channel text := coalesce(tg_argv[0], 'tcn');
  payload text := pg_catalog.format(
    '"%s",%s', pg_catalog.replace(tg_table_name, '"', '""'), pg_catalog.left(tg_op, 1));
  start int := pg_catalog.length(payload);
  wrong text := case
    when tg_when <> 'AFTER' then 'must be called after the change'
    when tg_level <> 'ROW' then 'must be called for each row'
    when tg_nargs > 1 then 'must not be called with more than one parameter' end;
  name text;
  value text;
begin
  if wrong is null then
    for name in
      select a.attname from pg_catalog.pg_index i
        cross join pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality k(number, place)
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
        where i.indrelid = tg_relid and i.indisprimary and i.indisvalid order by k.place
    loop
      if tg_op = 'INSERT' then
        execute pg_catalog.format('select ($1).%I::text', name) into value using new;
      else
        execute pg_catalog.format('select ($1).%I::text', name) into value using old;
      end if;
      payload := pg_catalog.concat(payload, ',"', pg_catalog.replace(name, '"', '""'), '"=',
        $$'$$, pg_catalog.replace(value, $$'$$, $$''$$), $$'$$);
    end loop;
    if pg_catalog.length(payload) = start then
      wrong := 'must be called on a table with a primary key';
    end if;
  end if;
  if wrong is not null then
    raise exception using errcode = '39P01',
      message = pg_catalog.concat('triggered_change_notification: ', wrong);
  end if;
  perform pg_catalog.pg_notify(channel, payload);
  return null;
end $body$;
"""

TCN: Final = Extension(
    name="tcn",
    version="1.0",
    comment="Triggered change notifications",
    declarations="",
    functions={},
    more=_BODY,
)
