"""STATEMENTS: every utility statement that is supported, by the class of its tree. What is not listed answers 0A000."""

from __future__ import annotations

import threading
from collections.abc import Mapping
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
from server.statements.statement import Utility, by_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.sql.utility_statement import UtilityStatement


class Statements(Mapping["type[UtilityStatement]", Utility]):
    """Utility statements by the class of their tree; a part of them is made when none before it has the one."""

    def __init__(self, *parts: Callable[[], Sequence[Utility]]) -> None:
        self._parts = list(parts)
        self._rows: dict[type[UtilityStatement], Utility] = {}
        self._making = threading.Lock()

    def __getitem__(self, node: type[UtilityStatement]) -> Utility:
        while node not in self._rows and self._next_part():
            pass
        return self._rows[node]

    def __iter__(self) -> Iterator[type[UtilityStatement]]:
        while self._next_part():
            pass
        return iter(self._rows)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _next_part(self) -> bool:
        with self._making:
            if not self._parts:
                return False
            self._rows = dict(by_node((*self._rows.values(), *self._parts[0]())))
            del self._parts[0]
            return True


def _transactions() -> Sequence[Utility]:
    """What drivers begin with."""
    return transactions.UTILITIES


def _others() -> Sequence[Utility]:
    return (
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


STATEMENTS: Final = Statements(_transactions, _others)
