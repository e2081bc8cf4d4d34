"""What rustydb check and amcheck's functions say of a database that was spoiled behind its back."""

import random

import numpy as np
import pytest

from server.catalog.objects import Index, Table
from server.database import Database
from server.directory_check import directory_problems
from server.net.autovacuum import due_tables
from storage.engine import Engine
from storage.errors import Corruption
from storage.rowgroup import SLOT_BITS
from tests.support.conversation import Client
from tests.support.engine import SMALL

PAGE_BYTES = 8192


@pytest.fixture
def client(database):
    """A client of a database with a table, a neighbour, and indexes of several kinds."""
    found = Client(database)
    found.rows(
        """
        CREATE TABLE t (a int PRIMARY KEY, b text, c int);
        CREATE TABLE good (a int PRIMARY KEY);
        CREATE INDEX by_text ON t (b, c DESC);
        CREATE INDEX by_part ON t (lower(b)) WHERE c > 50;
        CREATE INDEX by_hash ON t USING hash (c);
        CREATE INDEX by_inverse ON t USING gin ((ARRAY[c]));
        INSERT INTO good SELECT generate_series(1, 10);
        INSERT INTO t SELECT n, 'Word ' || n || repeat(' of many', 20), n FROM generate_series(1, 400) n;
        UPDATE t SET b = b || '!', c = c + 1 WHERE a % 7 = 0;
        DELETE FROM t WHERE a % 11 = 0
        """
    )
    assert list(directory_problems(database.engine, database.settings)) == []
    return found


def object_named(client, kind, name):
    view = client.session.transaction.catalog
    return next(item for item in view.objects(kind) if item.name == name)


def tree_of(client, name):
    return client.database.engine.index(object_named(client, Index, name).storage_id).tree


def table_of(client, name="t"):
    return client.database.engine.relation(object_named(client, Table, name).storage_id)


def problems(client):
    return list(directory_problems(client.database.engine, client.database.settings))


def error_of(client, sql):
    (line,) = [line for line in client.run(sql) if "ERROR" in line]
    return line


def leaves(tree):
    """In the order of their keys."""
    found = [node for node in tree.pages() if not node.level]
    return sorted(found, key=lambda node: node.entries[0][:2])


def spoil(client, node):
    """Write a page of a tree as it should not be."""
    node.entries = list(node.entries)
    start = node.page_no * PAGE_BYTES
    client.database.engine.store.pager.store[start : start + PAGE_BYTES] = np.frombuffer(
        node.pack(PAGE_BYTES), np.uint8
    )


def test_a_row_without_its_entry(client):
    tree = tree_of(client, "t_pkey")
    key, root_id = next(tree.forward(b"", None))[5]
    tree.delete(0, key, root_id)
    place = f"({root_id >> SLOT_BITS},{(root_id & 0xFFFF) + 1})"
    wanted = f'heap tuple {place} from table "t" lacks matching index tuple within index "t_pkey"'
    assert problems(client) == [wanted]
    assert client.run("SELECT bt_index_check('t_pkey')")[-2].startswith("CommandComplete")
    said = error_of(client, "SELECT bt_index_check('t_pkey', true)")
    assert wanted in said
    assert "XX002" in said


@pytest.mark.parametrize("name", ["by_text", "by_part"])
def test_an_entry_with_a_key_that_its_row_has_not(client, name):
    tree = tree_of(client, name)
    key, _ = list(tree.forward(b"", None))[-1][-1]
    (found,) = client.rows("SELECT ctid FROM t WHERE a = 100")
    root_id = int(found[0].strip("()").split(",")[1]) - 1
    tree.insert(0, key, root_id)
    (said,) = problems(client)
    assert said.startswith(f'index "{name}" has an entry with a key that heap tuple')
    assert said in error_of(client, f"SELECT bt_index_parent_check('{name}', true)")
    assert "ERROR" not in str(client.run(f"SELECT bt_index_check('{name}', true)"))


@pytest.mark.parametrize("name", ["number", "word", "good_pkey"])
def test_entries_of_a_table_that_was_only_loaded(client, name):
    """Its indexes have just the keys of its rows, until one has another row or another key, or is gone, or new."""
    client.rows(
        """
        CREATE TABLE loaded (a int, b text);
        INSERT INTO loaded SELECT n, 'word ' || n FROM generate_series(1, 2000) n;
        CREATE INDEX number ON loaded (a);
        CREATE INDEX word ON loaded (b DESC)
        """
    )
    assert problems(client) == []
    tree = tree_of(client, name)
    pairs = [pair for chunk in tree.forward(b"", None) for pair in chunk]
    (key, root_id), (other, _) = pairs[-2:]
    lacks = f'lacks matching index tuple within index "{name}"'
    surplus = f'index "{name}" has an entry with a key that heap tuple'
    tree.insert(0, other, root_id)
    (said,) = problems(client)
    assert said.startswith(surplus)
    tree.delete(0, key, root_id)
    assert [lacks in line or line.startswith(surplus) for line in problems(client)] == [True] * 2
    tree.delete(0, other, root_id)
    (said,) = problems(client)
    assert lacks in said
    tree.insert(0, key, root_id)
    assert problems(client) == []


@pytest.mark.parametrize(
    ("row_id", "said"), [(5000, "which is nowhere"), (7 << SLOT_BITS, "which is nowhere")]
)
def test_an_entry_that_leads_nowhere(client, row_id, said):
    tree_of(client, "t_pkey").insert(0, b"\x80\x00\x00\x05", row_id)
    assert any(said in line and f"row {row_id}" in line for line in problems(client))
    assert said in error_of(client, "SELECT bt_index_check('t_pkey')")


def test_an_entry_that_leads_to_a_later_version(client):
    table = table_of(client)
    inner = next(
        slot for slot, link in enumerate(table.groups[0].versions[:, 2].tolist()) if link >> 49 & 1
    )
    tree_of(client, "t_pkey").insert(0, b"\x80\x00\x00\x05", inner)
    assert f"row {inner}, which is no root" in error_of(client, "SELECT bt_index_check('t_pkey')")


def swapped(node, _others):
    node.entries[3], node.entries[4] = node.entries[4], node.entries[3]


def of_another_leaf(node, others):
    node.entries[-1] = others[-1].entries[-1]


def alone(node, _others):
    node.right = 0


def without_entries(node, _others):
    node.entries.clear()


def with_another_neighbour(node, others):
    node.right = others[-1].page_no


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swapped, "item order invariant violated"),
        (of_another_leaf, "down-link lower bound invariant violated"),
        (alone, "has a neighbour too many or too few"),
        (without_entries, "is empty"),
        (with_another_neighbour, "are no neighbours"),
    ],
)
def test_a_leaf_that_is_not_as_it_should_be(client, change, said):
    first, *others = leaves(tree_of(client, "by_text"))
    assert len(others) > 1
    change(first, others)
    spoil(client, first)
    assert said in error_of(client, "SELECT bt_index_check('by_text')")
    assert problems(client)


def test_a_level_that_is_missing(client):
    tree = tree_of(client, "by_text")
    first = leaves(tree)[0]
    first.level = 1
    spoil(client, first)
    assert "has level 1 below level 1" in error_of(client, "SELECT bt_index_check('by_text')")


def test_rows_of_a_table_that_are_not_as_they_should_be(client):
    group = table_of(client).groups[0]
    group.versions[3, 0] += np.uint64(99 << 32)
    rows = client.rows("SELECT * FROM verify_heapam('t')")
    said = "row 3: stamped by a transaction of the future"
    assert rows == [
        ("0", "0", None, "group 0 has newer stamps than it knows"),
        ("0", "4", None, said),
    ]
    assert problems(client)[1:] == [f"public.t: {said}"]
    stopped = client.rows("SELECT blkno FROM verify_heapam('t', on_error_stop => true)")
    assert stopped == [("0",)]
    assert client.rows("SELECT * FROM verify_heapam('t', startblock => 1)") == []
    assert client.rows("SELECT * FROM verify_heapam('good')") == []


def test_what_was_asked_for_wrongly(client):
    client.rows("CREATE VIEW v AS SELECT 1; CREATE ROLE somebody")
    for sql, said in (
        ("SELECT bt_index_check('t')", '42809 "t" is not an index'),
        ("SELECT bt_index_check('by_inverse')", "0A000 only B-Tree indexes are supported"),
        ("SELECT verify_heapam('v')", '42809 cannot check relation "v"'),
        ("SELECT verify_heapam('t_pkey')", '42809 cannot check relation "t_pkey"'),
        ("SELECT verify_heapam(NULL)", "22023 relation cannot be null"),
        ("SELECT verify_heapam('t', skip => 'x')", "22023 invalid skip option"),
        (
            "SET ROLE somebody; SELECT bt_index_check('t_pkey')",
            "42501 permission denied for function",
        ),
    ):
        assert said in error_of(client, sql), sql
    client.rows("RESET ROLE")


def test_keys_that_change_while_others_look(client, database):
    """Entries of rows that the snapshot does not see, and of keys that were, are no surplus."""
    client.rows("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    other = Client(database, pid=2)
    other.rows("UPDATE t SET c = c + 1000 WHERE a < 100; INSERT INTO t VALUES (1000, 'new', 5)")
    other.rows("BEGIN; UPDATE t SET b = 'x' WHERE a > 300")
    for name in ("t_pkey", "by_text", "by_part"):
        assert "ERROR" not in str(client.run(f"SELECT bt_index_check('{name}', true)"))
    client.rows("ROLLBACK")
    assert problems(client) == []
    other.rows("ROLLBACK")
    client.rows("BEGIN; SELECT bt_index_parent_check('by_text', true)")
    other.run("INSERT INTO t VALUES (1001)")
    assert other.blocked
    client.rows("COMMIT")
    other.resume()
    assert not other.blocked
    assert problems(client) == []


def damage(database, page_no):
    """A page that is not what was written, looked at for the first time."""
    pager = database.engine.store.pager
    pager.store[page_no * PAGE_BYTES + 100] ^= 1
    pager.table.states[page_no] &= ~np.uint8(2)
    with pytest.raises(Corruption):
        pager.view(page_no, 1)


def test_a_damaged_page_of_long_values(client, database):
    database.engine.checkpoint().wait()
    group = table_of(client).groups[0]
    damage(database, group.heap_chunk + 1)
    assert any("wrong checksum in pages/00000000" in line for line in problems(client))
    (row,) = client.rows("SELECT msg FROM verify_heapam('t')")
    assert "wrong checksum" in row[0]
    assert client.rows("SELECT count(*) FROM good") == [("10",)]


def reopened_after_damage(client, page_no):
    """A client of the server that is started on the files with a damaged page."""
    database, engine = client.database, client.database.engine
    client.close()
    engine.close()
    segment = engine.store.files.entries["pages/00000000"].content
    segment[page_no * PAGE_BYTES + 9] ^= 4
    engine = Engine.open(engine.store.files, SMALL)
    return Client(
        Database(engine, database.settings, clock=database.clock, source=random.Random(1))
    )


def test_a_damaged_header_of_a_relation_is_that_relations_only(client, database):
    """The server starts, serves the others, and the damaged one is told by file and page; autovacuum goes on."""
    storage_id = object_named(client, Table, "t").storage_id
    page_no = table_of(client).header.address // PAGE_BYTES
    other = reopened_after_damage(client, page_no)
    reopened, engine = other.database, other.database.engine
    assert other.rows("SELECT count(*) FROM good") == [("10",)]
    for sql in (
        "SELECT * FROM t",
        "INSERT INTO t VALUES (5000)",
        "SELECT bt_index_check('t_pkey')",
    ):
        assert f"XX001 wrong checksum in pages/00000000, page {page_no}" in error_of(other, sql)
    other.rows("INSERT INTO good SELECT generate_series(100, 5000)")
    assert {table.name for _, _, table, _ in due_tables(reopened)} == {"good"}
    found = list(directory_problems(engine, reopened.settings))
    assert f"public.t: wrong checksum in pages/00000000, page {page_no}" in found
    assert storage_id in engine.relation_ids()


@pytest.mark.parametrize("part", ["header", "rows", "index header", "index page"])
def test_a_damaged_table_can_be_dropped(client, part):
    address = {
        "header": lambda: table_of(client).header.address // PAGE_BYTES,
        "rows": lambda: table_of(client).groups[0].address // PAGE_BYTES,
        "index header": lambda: tree_of(client, "by_text").root_page,
        "index page": lambda: leaves(tree_of(client, "by_text"))[1].page_no,
    }[part]()
    other = reopened_after_damage(client, address)
    other.rows("BEGIN; DROP TABLE t; ROLLBACK")
    other.rows("SET enable_seqscan = off")
    assert "XX001" in error_of(other, "SELECT b FROM t WHERE b > 'Word' AND a > 0 ORDER BY b")
    assert not [line for line in other.run("DROP TABLE t") if "ERROR" in line]
    assert other.rows("CREATE TABLE t (a int); INSERT INTO t VALUES (7); SELECT * FROM t") == [
        ("7",)
    ]
    assert other.rows("SELECT count(*) FROM good") == [("10",)]
    other.rows("VACUUM")
    other.database.engine.close()


def test_a_damaged_index_page(client, database):
    database.engine.checkpoint().wait()
    page_no = leaves(tree_of(client, "by_text"))[1].page_no
    damage(database, page_no)
    assert [line for line in problems(client) if "wrong checksum" in line] == [
        f"public.by_text: wrong checksum in pages/00000000, page {page_no}"
    ]
    assert "XX001" in error_of(client, "SELECT bt_index_check('by_text')")
