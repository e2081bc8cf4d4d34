class ScanCounts:
    scans: int
    returned: int
    fetched: int
    def add(self, scans: int, returned: int, fetched: int) -> None: ...
