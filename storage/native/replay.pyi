from storage.log_record import LogPlace, WalRecord
from storage.native.change import PageTable

def replay_records(
    table: PageTable,
    data: bytes,
    start: int,
    place: LogPlace,
    until_lsn: int,
    xids: set[int],
) -> tuple[LogPlace, int, set[int], list[WalRecord]]: ...
