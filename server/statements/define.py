"""CREATE of what is defined by a list of options: aggregates, operators, base types; CREATE CAST, ALTER TYPE SET."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported
from server.sql import utility_functions as tree
from server.sql.utility_operator_classes import AlterOperator
from server.sql.utility_types import AlterType
from server.statements import text_search
from server.statements.aggregates import create_aggregate
from server.statements.base_types import alter_base_type, create_base_type
from server.statements.collations import create_collation
from server.statements.operators import alter_operator, create_cast, create_operator
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFINERS: Final[Mapping[str, Callable[[StatementContext, tree.Define], Run]]] = {
    "aggregate": create_aggregate,
    "operator": create_operator,
    "type": create_base_type,
    "collation": create_collation,
    **text_search.DEFINERS,
}


def define(context: StatementContext, statement: tree.Define) -> Run:
    """CREATE of one of the kinds above."""
    definer = DEFINERS.get(statement.kind)
    if definer is None:
        raise FeatureNotSupported(f"{statement.tag} is not supported", position=context.position(0))
    return (yield from definer(context, statement))


UTILITIES = (
    Utility(node=tree.Define, run=define),
    Utility(node=tree.CreateCast, run=create_cast),
    Utility(node=AlterOperator, run=alter_operator),
    Utility(node=AlterType, run=alter_base_type),
)
