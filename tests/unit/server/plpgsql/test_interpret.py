"""What happens to errors on their way through the handlers of a body."""

from protocol.messages import Query
from server.plpgsql import interpret, tree
from tests.support.conversation import Client
from tests.support.engine import memory_database


def test_an_error_of_the_server_is_logged_where_a_handler_takes_it(monkeypatch, caplog):
    def broken(frame, statement):
        raise KeyError("lost")

    monkeypatch.setitem(interpret.RUN, tree.Nothing, broken)
    with memory_database() as database:
        client = Client(database)
        client.send(Query("do $$ begin null; exception when others then raise notice 'x'; end $$"))
        client.close()
    (record,) = caplog.records
    assert "KeyError" in record.message
    assert "line 1 at NULL" in record.message
