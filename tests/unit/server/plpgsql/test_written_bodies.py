"""When bodies are written as code."""

from protocol.messages import Query
from server.plpgsql import interpret, written_bodies
from tests.support.conversation import Client
from tests.support.engine import memory_database

BODY = """do $$ declare s int := 0; begin
  for i in 1..1000 loop
    if i % 3 = 0 then s := s + i; elsif i % 5 = 0 then continue; else s := s - 1; end if;
  end loop;
end $$"""


def counted(monkeypatch, kind):
    """How often the interpreter runs statements of that kind."""
    runs = []
    run = interpret.RUN[kind]

    def noted(frame, statement):
        runs.append(statement)
        return run(frame, statement)

    monkeypatch.setitem(interpret.RUN, kind, noted)
    return runs


def test_the_interpreter_runs_the_first_rounds_of_a_loop(monkeypatch):
    runs = counted(monkeypatch, written_bodies.tree.Branches)
    with memory_database() as database:
        client = Client(database)
        client.send(Query(BODY))
        client.close()
    assert len(runs) == interpret.WRITTEN_AFTER
