"""The files of the WAL: prepared before they are written to, recycled by renaming.

Rule 1: a segment counts as prepared once it is filled with zeros (or an older segment's bytes,
        which recovery tells apart by their LSNs), synced, renamed to its number, the name synced.
Rule 2: records flow over segment borders; segment n holds the LSNs [n, n + 1) * wal_segment_bytes.
Rule 3: no room is DiskFull and leaves everything as it was; any other error is fatal.
"""

from storage.errors import Corruption, DiskFull
from storage.failure import FailStop
from storage.files import NO_ROOM, File, Files, RealFile
from storage.options import Options

DIRECTORY = "wal"
_NEW = f"{DIRECTORY}/new"
_ZEROS = bytes(4 * 1024 * 1024)  # nothing is behind them: reading them takes no memory


def segment_name(segment_no: int) -> str:
    """The name of a segment's file."""
    return f"{DIRECTORY}/{segment_no:016x}"


def segment_numbers(files: Files) -> list[int]:
    """The segments in the directory, ascending."""
    return [int(name, 16) for name in files.list(DIRECTORY) if len(name) == 16]


class LogSegments:
    """The prepared segments from some number on, without a gap."""

    def __init__(self, files: Files, options: Options, failure: FailStop) -> None:
        self.files = files
        self._segment_bytes = options.wal_segment_bytes
        self._failure = failure
        self._open: dict[int, File] = {}
        self._first_no = 0
        self._end_no = 0

    @property
    def prepared_lsn(self) -> int:
        """Everything below may be written."""
        return self._end_no * self._segment_bytes

    @property
    def byte_count(self) -> int:
        """How much disk the log takes."""
        return (self._end_no - self._first_no) * self._segment_bytes

    def start(self, first_lsn: int, end_lsn: int) -> None:
        """Takes stock: removes what is not part of the log from first_lsn, prepares to end_lsn."""
        first_no = first_lsn // self._segment_bytes
        numbers = segment_numbers(self.files)
        end_no = first_no
        while end_no in numbers and self._is_whole(end_no, end_lsn):
            end_no += 1
        stray = [segment_name(number) for number in numbers if not first_no <= number < end_no]
        stray += [_NEW] if self.files.exists(_NEW) else []
        for name in stray:
            self.files.remove(name)
        self.files.sync_directory(DIRECTORY)
        self._first_no, self._end_no = first_no, end_no
        while self.prepared_lsn < end_lsn:
            self.prepare()

    def prepare(self) -> None:
        """Adds one segment at the end."""
        self._failure.check()
        try:
            self._prepare_file()
            self.files.rename(_NEW, segment_name(self._end_no))
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise self._failure.fail(error) from error
            self._remove_new()
            raise DiskFull("no room for another WAL segment") from error
        try:
            self.files.sync_directory(DIRECTORY)
        except OSError as error:
            raise self._failure.fail(error) from error
        self._end_no += 1

    def write(self, lsn: int, data: bytes, *, durably: bool = True) -> None:
        """Writes bytes of the stream; only tests would not want them durable."""
        view = memoryview(data)
        while view:
            number, offset = divmod(lsn, self._segment_bytes)
            assert self._first_no <= number < self._end_no, "WAL written where nothing is prepared"
            count = min(len(view), self._segment_bytes - offset)
            file = self._file(number)
            (file.write_through if durably else file.pwrite)(offset, view[:count])
            lsn += count
            view = view[count:]

    def place(self, lsn: int, byte_count: int) -> tuple[int, int] | None:
        """Descriptor and offset of a stretch of the stream; None: it is empty, in two files or not of the system."""
        number, offset = divmod(lsn, self._segment_bytes)
        if not 0 < byte_count <= self._segment_bytes - offset:
            return None
        assert self._first_no <= number < self._end_no, "WAL written where nothing is prepared"
        file = self._file(number)
        return (file.descriptor, offset) if isinstance(file, RealFile) else None

    def recycle(self, lsn: int, spare_count: int, end_lsn: int) -> None:
        """Gives up segments below lsn: makes up to spare_count of them future ones."""
        last_no = end_lsn // self._segment_bytes
        while (self._first_no + 1) * self._segment_bytes <= lsn:
            number = self._first_no
            file = self._open.pop(number, None)
            if file is not None:
                file.close()
            if self._end_no - last_no - 1 < spare_count:
                self.files.rename(segment_name(number), segment_name(self._end_no))
                self.files.sync_directory(DIRECTORY)
                self._end_no += 1
            else:
                self.files.remove(segment_name(number))
            self._first_no = number + 1

    def close(self) -> None:
        """Closes the files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _prepare_file(self) -> None:
        file = self.files.open(_NEW, create=True)
        try:
            file.allocate(self._segment_bytes)
            for offset in range(0, self._segment_bytes, len(_ZEROS)):
                count = min(len(_ZEROS), self._segment_bytes - offset)
                file.pwrite(offset, _ZEROS[:count])
            file.datasync()
        finally:
            file.close()

    def _is_whole(self, number: int, end_lsn: int) -> bool:
        """Whether a segment is there to its end: one that the log has not reached is made anew else."""
        file = self.files.open(segment_name(number))
        missing_bytes = self._segment_bytes - file.size()
        is_ahead = number * self._segment_bytes >= end_lsn
        if missing_bytes > 0 and not is_ahead:
            file.allocate(self._segment_bytes)
            file.datasync()
        file.close()
        return missing_bytes <= 0 or not is_ahead

    def _remove_new(self) -> None:
        if self.files.exists(_NEW):
            self.files.remove(_NEW)

    def _file(self, number: int) -> File:
        file = self._open.get(number)
        if file is None:
            try:
                file = self._open[number] = self.files.open(segment_name(number))
            except OSError as error:  # somebody has removed it
                raise self._failure.fail(error) from error
            if file.size() < self._segment_bytes:
                short = Corruption(file.name, None, "WAL segment is too short")
                raise self._failure.fail(short) from short
        return file
