"""Parse tree to expressions: the table of all converters."""

from typing import Final

from server.sql import calls, changes, expressions, queries, xml
from server.sql.context import Converters

CONVERTERS: Final[Converters] = {
    **expressions.CONVERTERS,
    **calls.CONVERTERS,
    **queries.CONVERTERS,
    **changes.CONVERTERS,
    **xml.CONVERTERS,
}
