"""Redo of many records at once: what recovery does with most of the log."""

from storage.change import CHANGE_KIND, PageTable, redo
from storage.log_record import LogPlace, WalRecord, ends_alone, place_after, read_records


def replay_records(
    table: PageTable,
    data: bytes,
    start: int,
    place: LogPlace,
    until_lsn: int,
    xids: set[int],
) -> tuple[LogPlace, int, set[int], list[WalRecord]]:
    """Redoes the changes among the valid records from a position in data on, up to until_lsn.

    Gives the place behind them, how many records there were, the transactions that ended and had no others
    within them, and the records of all other kinds. The transactions that made the changes go into `xids`.
    """
    ended: set[int] = set()
    others: list[WalRecord] = []
    count = 0
    for record in read_records(data, start, place, len(data)):
        if record.lsn >= until_lsn:
            break
        place = place_after(record)
        count += 1
        if record.kind == CHANGE_KIND:
            redo(table, record.payload, record.lsn, record.end_lsn)
            if record.xid:
                xids.add(record.xid)
        elif ends_alone(record):
            ended.add(record.xid)
        else:
            others.append(record)
    return place, count, ended, others
