"""References: locking the row that another one refers to.

Rule 1: what has changed since the snapshot and still has the key is the row, but to a transaction that keeps its
        snapshot.
Rule 2: an index entry says little about a row whose key has changed: then the key is made again.
"""

from storage.commit_log import Snapshot
from storage.index import Index, KeyOf
from storage.lock_modes import RowLock
from storage.outcomes import Outcome, Status
from storage.table import Table
from storage.transactions import Transaction


def lock_referenced(
    transaction: Transaction,
    snapshot: Snapshot,
    table: Table,
    index: Index,
    key: bytes,
    key_of: KeyOf,
) -> Outcome | None:
    """Lock the row with the key FOR KEY SHARE: DONE or, with its root, BLOCKED; None: there is none.

    UPDATED or DELETED, of a row that is over: to a transaction that keeps its snapshot.
    """
    is_strict = transaction.keep_snapshot
    blocked: Outcome | None = None
    for root_id in index.lookup(key):
        row_id = table.find_id(snapshot, root_id)
        if row_id < 0:
            continue
        if table.key_changed(root_id) and key_of(table.values(row_id)) != key:
            continue
        outcome = table.lock_row(transaction, snapshot, row_id, RowLock.KEY_SHARE)
        if outcome.status is Status.UPDATED and not is_strict:
            row_id = outcome.new_row_id
            if key_of(table.values(row_id)) != key:
                continue
            outcome = table.lock_row(transaction, snapshot, row_id, RowLock.KEY_SHARE)
        if outcome.status in (Status.DONE, Status.SELF_MODIFIED):
            return Outcome(Status.DONE, new_row_id=row_id, root_id=root_id)
        if outcome.status is Status.BLOCKED:
            blocked = outcome._replace(root_id=root_id)
        elif is_strict:
            return outcome
    return blocked
