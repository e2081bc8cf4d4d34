"""STATEMENTS: every utility statement that is supported, by the class of its tree. What is not listed answers 0A000."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.statements import (
    alter_table,
    calls,
    cluster,
    collations,
    conversions,
    copy,
    cursors,
    databases,
    default_privileges,
    define,
    drop,
    event_triggers,
    explain,
    extended_statistics,
    extensions,
    foreign,
    foreign_tables,
    functions,
    grants,
    indexes,
    lock_tables,
    maintenance,
    notifications,
    objects,
    operator_classes,
    owned,
    policies,
    prepared,
    publications,
    range_types,
    refresh,
    reindex,
    role_settings,
    roles,
    rules,
    sequences,
    settings,
    subscriptions,
    tables,
    tablespaces,
    text_search,
    transactions,
    triggers,
    truncate,
    two_phase,
    types,
    vacuum,
    views,
)
from server.statements.statement import by_node
from server.table_parts import TableParts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.sql.utility_statement import UtilityStatement
    from server.statements.statement import Utility

    Rows = Mapping[type[UtilityStatement], Utility]


def _transactions() -> Rows:
    """What drivers begin with."""
    return by_node(transactions.UTILITIES)


def _others() -> Rows:
    return by_node(
        (
            *two_phase.UTILITIES,
            *vacuum.UTILITIES,
            *settings.UTILITIES,
            *prepared.UTILITIES,
            *cursors.UTILITIES,
            *copy.UTILITIES,
            *explain.UTILITIES,
            *event_triggers.UTILITIES,
            *foreign.UTILITIES,
            *foreign_tables.UTILITIES,
            *subscriptions.UTILITIES,
            *tablespaces.UTILITIES,
            *tables.UTILITIES,
            *alter_table.UTILITIES,
            *drop.UTILITIES,
            *truncate.UTILITIES,
            *indexes.UTILITIES,
            *extended_statistics.UTILITIES,
            *reindex.UTILITIES,
            *cluster.UTILITIES,
            *collations.UTILITIES,
            *conversions.UTILITIES,
            *views.UTILITIES,
            *refresh.UTILITIES,
            *sequences.UTILITIES,
            *objects.UTILITIES,
            *lock_tables.UTILITIES,
            *maintenance.UTILITIES,
            *policies.UTILITIES,
            *publications.UTILITIES,
            *triggers.UTILITIES,
            *rules.UTILITIES,
            *notifications.UTILITIES,
            *operator_classes.UTILITIES,
            *roles.UTILITIES,
            *role_settings.UTILITIES,
            *databases.UTILITIES,
            *range_types.UTILITIES,
            *types.UTILITIES,
            *functions.UTILITIES,
            *calls.UTILITIES,
            *define.UTILITIES,
            *extensions.UTILITIES,
            *text_search.UTILITIES,
            *grants.UTILITIES,
            *owned.UTILITIES,
            *default_privileges.UTILITIES,
        )
    )


STATEMENTS: Final = TableParts(_transactions, _others)
