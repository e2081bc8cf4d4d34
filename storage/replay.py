"""Redo of many records at once: what recovery does with most of the log."""

from storage.change import CHANGE_KIND, PageTable, redo
from storage.log_record import LogPlace, WalRecord, place_after, read_records


def replay_records(
    table: PageTable,
    data: bytes,
    start: int,
    place: LogPlace,
    until_lsn: int,
    xids: set[int],
) -> tuple[LogPlace, int, list[WalRecord]]:
    """Redoes the changes among the valid records from a position in data on, up to until_lsn.

    Gives the place behind them, how many records there were, and those that are no changes. The
    transactions that made the changes go into `xids`.
    """
    others: list[WalRecord] = []
    count = 0
    for record in read_records(data, start, place, len(data)):
        if record.lsn >= until_lsn:
            break
        place = place_after(record)
        count += 1
        if record.kind != CHANGE_KIND:
            others.append(record)
            continue
        redo(table, record.payload, record.lsn, record.end_lsn)
        if record.xid:
            xids.add(record.xid)
    return place, count, others
