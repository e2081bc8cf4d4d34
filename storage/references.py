"""References: locking the row that another one refers to.

Rule 1: it is looked for with a snapshot of its own: what has been committed meanwhile counts.
Rule 2: an index entry says little about a row whose key has changed: then the key is made again.
"""

from storage.index import Index, KeyOf
from storage.locks import RowLock
from storage.outcomes import Outcome, Status
from storage.table import Table
from storage.transactions import Transaction

NOT_THERE = Outcome(Status.DELETED)


def lock_referenced(
    transaction: Transaction, table: Table, index: Index, key: bytes, key_of: KeyOf
) -> Outcome:
    """Lock the row with the key FOR KEY SHARE: DONE, BLOCKED, or DELETED when there is none."""
    snapshot = transaction.snapshot()
    blocked: Outcome | None = None
    for root_id in index.lookup(key):
        row_id = table.find_id(snapshot, root_id)
        if row_id < 0:
            continue
        if table.key_changed(root_id) and key_of(table.values(row_id)) != key:
            continue
        outcome = table.lock_row(transaction, snapshot, row_id, RowLock.KEY_SHARE)
        if outcome.status in (Status.DONE, Status.SELF_MODIFIED):
            return Outcome(Status.DONE, new_row_id=row_id, root_id=root_id)
        if outcome.status is Status.BLOCKED:
            blocked = outcome
    return NOT_THERE if blocked is None else blocked
