"""What the DETAIL of an error tells of rows to those who may not read all of them."""

import pytest

from protocol import messages


@pytest.fixture
def detail(client):
    """The DETAIL of the error that a statement of a role with few rights ends with; empty without one."""
    client.rows("create role modest")
    client.rows(
        "create table t (a int check (a > 0), b text default 'hidden', c text not null default 'x',"
        " d int unique)"
    )
    client.rows("insert into t values (1, 'secret', 'c', 7)")
    client.rows("grant insert (a, c, d), update (a, c, d), select (a) on t to modest")

    def tell(sql):
        client.rows("set role modest")
        replies = client.send(messages.Query(sql))
        (found,) = [each.fields for each in replies if isinstance(each, messages.ErrorResponse)]
        client.rows("reset role")
        return found.detail

    return tell


def test_columns_that_may_be_read_or_were_written(detail):
    assert detail("insert into t (a) values (-1)") == "Failing row contains (a) = (-1)."
    assert (
        detail("insert into t (a, c) values (1, null)")
        == "Failing row contains (a, c) = (1, null)."
    )
    assert detail("update t set c = null") == "Failing row contains (a, c) = (1, null)."


def test_keys(detail, client):
    assert detail("insert into t (a, d) values (1, 7)") == ""
    client.rows("grant select (d) on t to modest")
    assert detail("insert into t (a, d) values (1, 7)") == "Key (d)=(7) already exists."


def test_references(detail, client):
    client.rows("create table r (x int references t (d))")
    client.rows("grant insert on r to modest")
    client.rows("insert into r values (7)")
    assert detail("insert into r values (8)") == 'Key is not present in table "t".'
    assert detail("update t set d = 9") == 'Key is still referenced from table "r".'


def test_partition_keys(detail, client):
    client.rows("create table p (a int, b text) partition by list (a)")
    client.rows("create table p1 partition of p for values in (1)")
    client.rows("grant insert (a) on p to modest")
    assert detail("insert into p (a) values (2)") == ""
    client.rows("grant select (a) on p to modest")
    told = "Partition key of the failing row contains (a) = (2)."
    assert detail("insert into p (a) values (2)") == told


def test_a_table_with_policies(detail, client):
    client.rows("grant select on t to modest")
    told = "Failing row contains (-1, secret, c, 7)."
    assert detail("update t set a = -1") == told
    client.rows("alter table t enable row level security")
    client.rows("create policy p on t using (true)")
    assert detail("update t set a = -1") == ""
    assert detail("insert into t (a, d) values (1, 7)") == ""
