"""Parse tree to utility statements: the table of all of them."""

from typing import Final

from server.sql import (
    utility_alter,
    utility_collations,
    utility_conversions,
    utility_events,
    utility_foreign,
    utility_functions,
    utility_objects,
    utility_operator_classes,
    utility_publications,
    utility_roles,
    utility_rules,
    utility_session,
    utility_subscriptions,
    utility_tables,
    utility_tablespaces,
    utility_text_search,
    utility_transactions,
    utility_types,
)
from server.sql.context import Context, Utilities
from server.sql.grammar import Node
from server.sql.utility_statement import Unsupported
from server.table_parts import TableParts

# Where PostgreSQL's tag is not the name of the parse tree's node in words.
UNSUPPORTED_TAGS: Final = {
    "alter_tsconfiguration_stmt": "ALTER TEXT SEARCH CONFIGURATION",
    "alter_tsdictionary_stmt": "ALTER TEXT SEARCH DICTIONARY",
    "create_am_stmt": "CREATE ACCESS METHOD",
    "create_plang_stmt": "CREATE LANGUAGE",
    "alter_object_depends_stmt": "ALTER",
    "alter_stats_stmt": "ALTER STATISTICS",
    "alter_extension_contents_stmt": "ALTER EXTENSION",
}


def unsupported(context: Context, node: Node) -> Unsupported:
    """Stand for a statement that is in no table."""
    kind = node.WhichOneof("node")
    assert kind is not None
    tag = UNSUPPORTED_TAGS.get(kind) or kind.removesuffix("_stmt").replace("_", " ").upper()
    location = getattr(getattr(node, kind), "location", -1)
    # CREATE TABLESPACE has a location that is a path.
    return Unsupported(tag, context.source_offset(location) if isinstance(location, int) else -1)


def _transactions() -> Utilities:
    """What drivers begin with."""
    return utility_transactions.UTILITIES


def _others() -> Utilities:
    return {
        **utility_alter.UTILITIES,
        **utility_events.UTILITIES,
        **utility_foreign.UTILITIES,
        **utility_functions.UTILITIES,
        **utility_objects.UTILITIES,
        **utility_collations.UTILITIES,
        **utility_conversions.UTILITIES,
        **utility_operator_classes.UTILITIES,
        **utility_publications.UTILITIES,
        **utility_roles.UTILITIES,
        **utility_rules.UTILITIES,
        **utility_session.UTILITIES,
        **utility_subscriptions.UTILITIES,
        **utility_tables.UTILITIES,
        **utility_tablespaces.UTILITIES,
        **utility_text_search.UTILITIES,
        **utility_types.UTILITIES,
        "unsupported": unsupported,
    }


UTILITIES: Final[Utilities] = TableParts(_transactions, _others)
