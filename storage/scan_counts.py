"""ScanCounts: how often a table or an index was scanned, and what came of it.

Rule 1: scans count for themselves, whatever becomes of their transaction; nobody waits to count.
Rule 2: this class and its compiled twin count the same.
"""


class ScanCounts:
    """Scans that began, entries or rows of a table that they were given, and rows that were fetched by them.

    A table's `returned` are the rows that scans of all of it have read, its `fetched` those that were fetched by what
    several entries say together; an index's `returned` are entries, its `fetched` the rows that were seen of them.
    """

    __slots__ = ("fetched", "returned", "scans")

    def __init__(self) -> None:
        self.scans = self.returned = self.fetched = 0

    def add(self, scans: int, returned: int, fetched: int) -> None:
        """So many more."""
        self.scans += scans
        self.returned += returned
        self.fetched += fetched
