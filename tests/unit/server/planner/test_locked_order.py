"""Queues: the first rows in order that are not locked are found by an index, without sorting all of them."""


def test_the_first_of_a_queue_is_found_by_its_index(client):
    client.run("CREATE TABLE job (id int PRIMARY KEY, state text)")
    client.run("INSERT INTO job SELECT i, 'new' FROM generate_series(1, 20000) AS i")
    client.run("ANALYZE job")
    query = "SELECT id FROM job WHERE state = 'new' ORDER BY id%s FOR UPDATE SKIP LOCKED"
    plan = [line for (line,) in client.rows("EXPLAIN (COSTS OFF) " + query % " LIMIT 1")]
    assert plan == [
        "Limit",
        "  ->  LockRows",
        "        ->  Index Scan using job_pkey on job",
        "              Filter: (state = 'new'::text)",
    ]
    assert client.rows(query % " LIMIT 2") == [("1",), ("2",)]
