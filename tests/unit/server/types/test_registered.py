"""OIDs as names: the catalog's where there is one, numbers where there is none."""

import pytest

from server.errors import FeatureNotSupported, UndefinedTable
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE, TextStyle


class Names:
    """A catalog of one table."""

    def name_of(self, type_name, oid):
        return "t" if (type_name, oid) == ("regclass", 16384) else None

    def oid_of(self, type_name, text):
        if (type_name, text) != ("regclass", "t"):
            raise UndefinedTable(f'relation "{text}" does not exist')
        return 16384


STYLE = TextStyle(names=Names())
REGCLASS = TYPE_BY_NAME["regclass"]


@pytest.mark.parametrize(
    ("text", "oid", "shown"),
    [("t", 16384, "t"), ("16384", 16384, "t"), ("12", 12, "12"), ("-", 0, "-"), ("0", 0, "-")],
)
def test_names_come_from_the_catalog(text, oid, shown):
    assert REGCLASS.parse(text, -1, STYLE) == oid
    assert REGCLASS.format(oid, STYLE) == shown
    column = REGCLASS.parse_column([text.encode(), None], -1, STYLE)
    assert REGCLASS.format_column(column, STYLE) == [shown.encode(), None]


def test_errors_are_the_catalogs():
    with pytest.raises(UndefinedTable):
        REGCLASS.parse("nope", -1, STYLE)


def test_without_a_catalog_there_are_only_numbers():
    assert REGCLASS.format(16384, PLAIN_STYLE) == "16384"
    with pytest.raises(FeatureNotSupported):
        REGCLASS.parse("t", -1, PLAIN_STYLE)
