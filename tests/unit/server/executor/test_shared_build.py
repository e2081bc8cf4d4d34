"""The right side of a join with helpers: what one thread puts together alone."""

import pytest

from server.executor import join
from storage import row_groups, table
from tests.support.conversation import Client
from tests.support.engine import memory_database

GROUP_ROWS = 1024
"""So that there are several row groups."""

JOINS = [
    "select b.k, b.w, a.g from a join b on a.k = b.k",
    "select b.w, count(*) from a left join b on a.k = b.k and a.w = b.w group by 1",
    "select a.g, b.g from a full join b on a.k = b.k and a.g < b.g",
    "select a.g from a where exists (select from b where b.k = a.k and b.n > 2)",
    "select b.g, b.n from b where not exists (select from a where b.k = a.k)",
    "select count(*) from a where a.k not in (select k from b)",
    "select b.d, sum(a.g) from a join b on a.n = b.n and a.d = b.d group by 1",
]


@pytest.fixture(scope="module")
def client():
    with memory_database() as database, pytest.MonkeyPatch.context() as patch:
        made = Client(database)
        patch.setattr(table, "CAPACITY_MAX", GROUP_ROWS)
        patch.setattr(row_groups, "CAPACITY_MAX", GROUP_ROWS)
        for name, step in (("a", 3), ("b", 7)):
            made.run(
                f"create table {name} as select g, nullif(g * {step} % 1201, 5) k, 'w' || g % {step} w, "
                "(g % 50)::numeric / 8 n, date '2020-01-01' + g % 90 d from generate_series(1, 2500) g"
            )
        made.run("create table b_rows as select * from b")
        yield made
        made.close()


@pytest.fixture
def shared(monkeypatch):
    """How many pieces of work have been shared each time."""
    seen, in_order = [], join.in_order

    def noted(parts, context):
        seen.append(len(parts))
        return in_order(parts, context)

    monkeypatch.setattr(join, "in_order", noted)
    return seen


@pytest.mark.parametrize("sql", JOINS)
@pytest.mark.parametrize("count", [0, 1, GROUP_ROWS, GROUP_ROWS + 1, 2500])
def test_shared_builds_give_what_one_thread_gives(helped, shared, monkeypatch, sql, count):
    helped.run(f"truncate b; insert into b select * from b_rows where g <= {count}")
    expected = sorted(helped.rows(sql), key=repr)
    assert not shared
    monkeypatch.setattr(join, "SHARED_ROWS_MIN", 0)
    assert sorted(helped.rows(sql), key=repr) == expected
    assert shared


@pytest.mark.parametrize("count", [65_535, 65_536, 65_537])
def test_right_sides_about_as_large_as_a_row_group(helped, shared, count):
    """Read in several parts, NULLs among them; the result is known beforehand."""
    helped.run(
        f"create table c as select nullif(g, 7) k, g % 3 m from generate_series(1, {count}) g"
    )
    sql = "select count(*), sum(c.m), min(c.k), max(c.k) from c d join c on c.k = d.k"
    total = sum(g % 3 for g in range(1, count + 1) if g != 7)
    assert helped.rows(sql) == [(str(count - 1), str(total), "1", str(count))]
    assert shared
    helped.run("drop table c")
