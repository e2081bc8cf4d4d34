"""Constraints where several statements or sessions meet: what is checked when, against what, and what is spent."""

import pytest

UNDER = (
    "create table p (id int primary key, u int unique)",
    "insert into p values (1, 10), (2, 20)",
)


@pytest.fixture
def one(clients):
    made = clients("one")
    for sql in UNDER:
        made.rows(sql)
    return made


@pytest.fixture
def other(one, clients):
    return clients("other")


def test_a_deferred_error_comes_in_place_of_the_end_of_the_statement(one):
    one.rows("create table c (p_id int references p deferrable initially deferred)")
    lines = one.run("insert into c values (9)")
    assert not any(line.startswith("CommandComplete") for line in lines)
    assert one.error("insert into c values (9)")[0] == "23503"


def test_a_table_with_pending_checks_is_not_altered(one):
    one.rows("create table c (p_id int references p deferrable initially deferred)")
    one.rows("create index by_p on c (p_id)")
    for sql, what in (
        ("alter table c add column n int", "ALTER TABLE"),
        ("create index on c (p_id)", "CREATE INDEX"),
        ("cluster c using by_p", "CLUSTER"),
        ("truncate c", "TRUNCATE"),
        ("drop table c", "DROP TABLE"),
    ):
        one.rows("begin")
        one.rows("insert into c values (1)")
        message = f'cannot {what} "c" because it has pending trigger events'
        assert one.error(sql) == ("55006", message)
        one.rows("rollback")


def test_a_default_that_is_the_old_key_is_no_way_out(one):
    one.rows("create table c (p_id int default 1 references p on delete set default)")
    one.rows("insert into c values (1)")
    assert one.error("delete from p where id = 1")[0] == "23503"


@pytest.mark.parametrize(
    ("action", "sqlstate"), [("no action", "23503"), ("restrict", "23503"), ("cascade", "40001")]
)
def test_an_old_snapshot_leaves_no_row_without_what_it_refers_to(one, other, action, sqlstate):
    one.rows(f"create table c (p_id int references p on delete {action})")
    one.rows("begin isolation level repeatable read")
    one.rows("select * from p")
    other.rows("insert into c values (1)")
    assert one.error("delete from p where id = 1")[0] == sqlstate


def test_a_row_that_kept_its_key_is_still_referred_to(one, other):
    one.rows("create table c (p_id int references p)")
    one.rows("begin")
    one.rows("update p set u = 11 where id = 1")
    other.run("insert into c values (1)")
    assert other.blocked
    one.rows("commit")
    assert not [line for line in map(str, other.resume()) if "23503" in line]


def test_a_row_that_is_being_changed_may_go_yet(one, other):
    one.rows("begin")
    one.rows("update p set u = 11 where id = 1")
    other.run("insert into p values (1, 12)")
    assert other.blocked
    one.rows("delete from p where id = 1")
    one.rows("commit")
    assert "INSERT 0 1" in str(other.resume())


def test_sequence_values_are_spent_once(one, other):
    one.rows("create table s (id serial primary key, k int unique)")
    for _ in range(3):
        one.rows("insert into s (k) values (null)")
    one.rows("begin")
    one.rows("insert into s (k) values (7)")
    other.run("insert into s (k) values (7)")
    one.rows("rollback")
    other.resume()
    assert one.rows("select id from s where k = 7") == [("5",)]


def test_deferrable_keys_arbitrate_nothing(one):
    one.rows("create table d (k int unique deferrable)")
    assert one.error("insert into d values (1) on conflict do nothing")[0] == "55000"
