"""BEFORE triggers that only change their row: how many rows are written together."""

import pytest

from server.executor.table_writer import TableWriter
from tests.support.conversation import Client
from tests.support.engine import memory_database

QUIET = "new.v := upper(new.v); if new.id % 2 = 0 then new.v := new.v || now()::date; end if;"


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (QUIET, [6]),
        ("new.v := (select max(v) from t);", [1] * 6),
        ("perform 1;", [1] * 6),
        ("raise notice 'seen';", [1] * 6),
        ("begin new.v := 'x'; exception when others then null; end;", [1] * 6),
        ("if new.id = 4 then new.v := count_rows(); end if;", [1] * 6),
        ("if new.id = 4 then new.id := nextval('s'); end if;", [1] * 6),
    ],
)
def test_only_rows_of_triggers_that_see_nothing_else_are_written_together(
    monkeypatch, body, counts
):
    written = []
    insert = TableWriter.insert

    def noting(writer, batch):
        written.append(batch.count)
        return insert(writer, batch)

    monkeypatch.setattr(TableWriter, "insert", noting)
    with memory_database() as database:
        client = Client(database)
        for text in (
            "create table t (id int, v text)",
            "create sequence s start 100",
            "create function count_rows() returns text language sql as 'select count(*)::text from t'",
            f"create function f() returns trigger language plpgsql as $$ begin {body} return new; end $$",
            "create trigger b before insert on t for each row execute function f()",
            "insert into t select g, 'v' || g from generate_series(1, 6) g",
        ):
            client.run(text)
        client.close()
    assert written == counts
