import pytest
from views_of import view_of

from server.catalog.names import CatalogNames, found_or_none
from server.catalog.objects import Schema, Table
from server.catalog.written_names import split_identifiers
from server.errors import SqlError

OTHER = Schema(oid=30000, name="Other")
HIDDEN = Table(oid=30001, name="t", schema=30000, row_type=30002)


@pytest.fixture
def names():
    return CatalogNames(view_of(OTHER, HIDDEN), (11, 2200), "postgres")


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a", ["a"]), ("A.b", ["a", "b"]), ('"A ""x"""', ['A "x"']), (" a . b ", ["a", "b"])],
)
def test_split(text, parts):
    assert split_identifiers(text) == parts


@pytest.mark.parametrize("text", ["", "a.", '"a', "a b", '""'])
def test_split_refuses(text):
    with pytest.raises(SqlError) as error:
        split_identifiers(text)
    assert error.value.sqlstate == "42602"


@pytest.mark.parametrize(
    ("kind", "oid", "text"),
    [
        ("regclass", 20000, "t"),
        ("regclass", 30001, '"Other".t'),
        ("regclass", 1259, "pg_class"),
        ("regtype", 23, "integer"),
        ("regtype", 30002, '"Other".t'),
        ("regproc", 1299, "now"),
        ("regprocedure", 2108, "sum(integer)"),
        ("regoperator", 96, "=(integer,integer)"),
        ("regrole", 10, "postgres"),
        ("regnamespace", 30000, '"Other"'),
    ],
)
def test_names_are_written_and_read_back(names, kind, oid, text):
    assert names.name_of(kind, oid) == text
    assert names.oid_of(kind, text) == oid


@pytest.mark.parametrize(
    ("kind", "text", "sqlstate"),
    [
        ("regclass", "nothing", "42P01"),
        ("regtype", "nothing", "42704"),
        ("regproc", "nothing", "42883"),
        ("regproc", "max", "42725"),
        ("regrole", "nobody", "42704"),
    ],
)
def test_what_is_missing(names, kind, text, sqlstate):
    with pytest.raises(SqlError) as error:
        names.oid_of(kind, text)
    assert error.value.sqlstate == sqlstate
    assert found_or_none(names, kind, text) is None


def test_overloaded_function_is_qualified(names):
    assert names.name_of("regproc", 2108) == "pg_catalog.sum"


def test_no_object_has_no_name(names):
    assert names.name_of("regclass", 999999) is None
