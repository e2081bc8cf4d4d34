"""A page behind a key is found by index, and what ANALYZE learned of a column is read once."""

from server.planner import learned_keys
from tests.support.conversation import Client
from tests.support.engine import memory_database


def lines(client, query):
    return [each.removeprefix("DataRow ") for each in client.run(f"explain (costs off) {query}")]


def prepared(client):
    client.run("create table k(a int, b int, t timestamp, primary key (a, b))")
    client.run(
        "insert into k select g / 10, g % 10, timestamp '2020-01-01' + g * interval '1 hour' "
        "from generate_series(1, 2000) g"
    )
    client.run("analyze k")


def test_a_row_comparison_is_a_range_of_an_index_as_far_as_its_keys_go():
    with memory_database() as database:
        client = Client(database)
        prepared(client)
        for condition, asked, is_filtered in (
            ("(a, b) > (150, 3)", "(ROW(a, b) > ROW(150, 3))", False),
            ("(150, 3) < (a, b)", "(ROW(a, b) > ROW(150, 3))", False),
            ("(a, t) > (150, '2020-01-01')", "(a >= 150)", True),
            ("a = 150 and (b, t) <= (7, '2021-01-01')", "((a = 150) AND (b <= 7))", True),
            ("(b, a) > (1, 2) and a > 150", "(a > 150)", True),
        ):
            shown = lines(client, f"select * from k where {condition} order by a, b limit 5")
            assert any("Index Scan" in line for line in shown), shown
            assert any(f"Index Cond: {asked}" in line for line in shown), shown
            assert any("Filter: (" in line for line in shown) is is_filtered, shown
        client.close()


def test_a_histogram_is_read_once(monkeypatch):
    read = []
    plain = learned_keys.value_of_text
    monkeypatch.setattr(
        learned_keys, "value_of_text", lambda kind, text: read.append(text) or plain(kind, text)
    )
    with memory_database() as database:
        client = Client(database)
        prepared(client)
        client.run("select count(*) from k where t > '2020-02-01'")
        assert read
        read.clear()
        client.run("select count(*) from k where t > '2020-02-02'")
        assert not read
        client.close()
