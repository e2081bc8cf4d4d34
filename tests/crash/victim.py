"""A store with threads on a real directory that commits until it is killed; see test_kill.py.

Prints one line for each acknowledged change: its number. Every change writes its number to all
pages of a run and to the root page.
"""

import sys
import threading
from pathlib import Path

from storage.files import RealFiles
from storage.options import Options
from storage.pages import ROOT_PAGE
from storage.store import Store

PAGES = 40
OPTIONS = Options(
    wal_segment_bytes=1 << 20,
    max_wal_size=4 << 20,
    dirty_bytes_max=16 * 8192,
    store_bytes_max=1 << 28,
    checkpoint_timeout_seconds=0.02,
)


def main() -> None:
    """Opens or creates the directory and commits for ever, on four threads."""
    files = RealFiles(Path(sys.argv[1]))
    if files.exists("RUSTYDB_VERSION"):
        store = Store.open(files, OPTIONS)
        first = ROOT_PAGE + 1
    else:
        store = Store.create(files, OPTIONS, store_id=1)
        with store.latch, store.pager.begin_change(1) as change:
            first = store.pager.allocate(change, PAGES)
            change.commit()
    assert first == ROOT_PAGE + 1
    root = store.pager.view(ROOT_PAGE, 1)
    counter = int.from_bytes(root[:8].tobytes(), "little")
    said = threading.Lock()

    def work() -> None:
        nonlocal counter
        while True:
            with store.latch, store.pager.begin_change(1) as change:
                counter += 1
                number = counter
                change.write_u64(ROOT_PAGE * OPTIONS.page_bytes, number)
                for page_no in range(first, first + PAGES):
                    change.write_u64(page_no * OPTIONS.page_bytes + 64, number)
                lsn = change.commit()
            store.wal.flush_to(lsn).wait()
            with said:
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    work()


if __name__ == "__main__":
    main()
