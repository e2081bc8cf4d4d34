"""STATEMENTS: every utility statement that is supported, by the class of its tree. What is not listed answers 0A000."""

from __future__ import annotations

from server.statements import (
    alter_table,
    calls,
    copy,
    cursors,
    databases,
    define,
    drop,
    explain,
    functions,
    grants,
    indexes,
    maintenance,
    notifications,
    objects,
    policies,
    prepared,
    range_types,
    roles,
    sequences,
    settings,
    tables,
    transactions,
    two_phase,
    types,
    vacuum,
    views,
)
from server.statements.statement import by_node

STATEMENTS = by_node(
    (
        *transactions.UTILITIES,
        *two_phase.UTILITIES,
        *vacuum.UTILITIES,
        *settings.UTILITIES,
        *prepared.UTILITIES,
        *cursors.UTILITIES,
        *copy.UTILITIES,
        *explain.UTILITIES,
        *tables.UTILITIES,
        *alter_table.UTILITIES,
        *drop.UTILITIES,
        *indexes.UTILITIES,
        *views.UTILITIES,
        *sequences.UTILITIES,
        *objects.UTILITIES,
        *maintenance.UTILITIES,
        *policies.UTILITIES,
        *notifications.UTILITIES,
        *roles.UTILITIES,
        *databases.UTILITIES,
        *range_types.UTILITIES,
        *types.UTILITIES,
        *functions.UTILITIES,
        *calls.UTILITIES,
        *define.UTILITIES,
        *grants.UTILITIES,
    )
)
