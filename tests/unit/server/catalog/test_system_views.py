import pytest
from views_of import session_of, view_of

from server.catalog.system_views import SYSTEM_RELATIONS, catalog_rows
from server.catalog.views.physical import SYSTEM_TABLES

LIVE_ELSEWHERE = {name for name, relation in SYSTEM_RELATIONS.items() if relation.live is not None}


def rows(session, name, *columns, **having):
    table = SYSTEM_TABLES[name]
    numbers = {column.name: column.number for column in table.columns}
    restrictions = {numbers[column]: value for column, value in having.items()}
    catalog = session.transaction.catalog
    return list(
        catalog_rows(session, catalog, table, [numbers[column] for column in columns], restrictions)
    )


@pytest.fixture
def session():
    return session_of(view_of())


@pytest.mark.parametrize(
    "name", sorted(name for name in SYSTEM_RELATIONS if name not in LIVE_ELSEWHERE)
)
def test_columns_that_are_not_null_have_values(session, name):
    table = SYSTEM_TABLES[name.removeprefix("information_schema.")]
    required = [column.number - 1 for column in table.columns if column.not_null]
    for row in catalog_rows(
        session, session.transaction.catalog, table, [column.number for column in table.columns]
    ):
        missing = [table.columns[position].name for position in required if row[position] is None]
        assert not missing, row


def test_every_relation_with_rows_is_a_system_relation():
    assert SYSTEM_RELATIONS.keys() <= {table.provider for table in SYSTEM_TABLES.values()}


def test_restriction_gives_the_rows_of_one_table(session):
    found = rows(session, "pg_attribute", "attnum", "attname", attrelid=20000)
    assert [number for number, _ in found if number > 0] == [1, 2, 3]
    assert dict(found)[3] == "........pg.dropped.3........"


def test_restriction_and_scan_agree(session):
    everything = rows(session, "pg_class", "oid", "relname")
    for oid, name in everything[:20]:
        assert (oid, name) in rows(session, "pg_class", "oid", "relname", oid=oid)


def test_system_columns(session):
    table = SYSTEM_TABLES["pg_namespace"]
    assert {
        row[0] for row in catalog_rows(session, session.transaction.catalog, table, [-6, 1])
    } == {table.oid}


def test_index_row(session):
    ((keys, primary),) = rows(session, "pg_index", "indkey", "indisprimary", indexrelid=20005)
    assert (keys.items, keys.dimensions, primary) == ((1,), ((1, 0),), True)


def test_owned_sequence_depends_on_its_column(session):
    found = rows(session, "pg_depend", "refobjid", "refobjsubid", "deptype", objid=20010)
    assert (20000, 1, "a") in found


def test_information_schema_columns(session):
    table = next(
        table for table in SYSTEM_TABLES.values() if table.provider == "information_schema.columns"
    )
    numbers = {column.name: column.number for column in table.columns}
    wanted = [
        numbers[name] for name in ("table_name", "column_name", "data_type", "column_default")
    ]
    found = [
        row
        for row in catalog_rows(session, session.transaction.catalog, table, wanted)
        if row[0] == "t"
    ]
    assert found == [
        ("t", "id", "integer", "nextval('t_id_seq'::regclass)"),
        ("t", "Big", "character varying", None),
    ]


def test_what_is_of_the_moment_is_asked_for_with_every_scan(session):
    assert rows(session, "pg_class", "relfrozenxid", oid=20000) == [(700,)]
    session.database.engine.log.horizon = lambda: (1 << 32) + 5
    assert rows(session, "pg_class", "relfrozenxid", oid=20000) == [(5,)]
    assert set(rows(session, "pg_database", "datfrozenxid")) == {(5,)}
