"""Loading: rows that fill whole row groups are sealed as they come.

What COPY brings would go through the log, the memory and the files as it is, to be sealed as soon as everybody sees
it. Where a table's last group takes no more rows, whole groups of new ones are written encoded from the first on.

Rule 1: columns are encoded and their blocks written before the rows are inserted, without the latch but for portions
        (see sealed_run): those of rows that come to nothing are free again.
Rule 2: the change that adds a group is the transaction's, as that of any row: the version headers are its own.
Rule 3: what does not fill a group, or has values with pages of their own, is left to open groups.
"""

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from storage.encoders import encode_column
from storage.kinds import VIEW_BYTES, Kind
from storage.native import blob_views, measure_blob
from storage.row_batches import Columns, NewVersions, Nulls, store_headers, with_unused
from storage.rowgroup import CAPACITY_MAX, NULLS_PER_WORD, RowGroup
from storage.sealed_run import Latched, Run, SealedColumns, write_run
from storage.strings import StringBlob

if TYPE_CHECKING:
    from storage.table import Table

NOWHERE = np.zeros(0, np.uint8)


class Load:
    """Many rows that are about to be inserted: the groups that they fill, written; put back at the end if unused.

    A context; inside, Table.insert is given it together with the same rows.
    """

    __slots__ = ("_engine", "_parts", "_runs", "_table")

    def __init__(
        self, engine: Latched, table: "Table", columns: Columns, nulls: Nulls, count: int
    ) -> None:
        self._engine, self._table = engine, table
        self._runs: deque[tuple[Run, NewVersions]] = deque()
        if not table.takes_groups(count):
            return
        rows_min = table.pager.sealed_rows_min
        columns, nulls = with_unused(table.kinds, columns, nulls, count)
        new = NewVersions(columns, nulls, count)
        try:
            for start in range(0, count - rows_min + 1, CAPACITY_MAX):
                part = new.part(start, min(count, start + CAPACITY_MAX))
                if not self._write(part):
                    break
        except BaseException:
            self._put_back()
            raise

    def __enter__(self) -> "Load":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._put_back()

    def __len__(self) -> int:
        """How many groups are left."""
        return len(self._runs)

    def add(self, stamp: int) -> RowGroup:
        """The next group, which is one of the table's now; under the latch."""
        table = self._table
        run, new = self._runs[0]
        group_no = len(table.groups)
        with table.changing(stamp) as change:
            address = run.take_up(change, table, group_no)
            store_headers(change, address, run.layout, 0, stamp, new)
            header = table.groups.append_entry(change, address)
            change.commit()
        self._runs.popleft()
        group = run.group(table.pager, group_no)
        group.changed(stamp, used=new.count)
        table.groups.added(group, header)
        return group

    def _write(self, new: NewVersions) -> bool:
        """Write the blocks of a group; False: it has values that have pages of their own."""
        kinds = self._table.kinds
        columns, null_counts = [], []
        for kind, values, null in zip(kinds, new.columns, new.nulls, strict=True):
            live = None if null is None else ~null
            if kind is Kind.BYTES:
                blob = _as_blob(values)
                if measure_blob(blob.offsets) < 0:
                    return False
                views = np.frombuffer(blob_views(blob.blob, blob.offsets), f"V{VIEW_BYTES}")
                columns.append(encode_column(kind, blob.blob, views, live))
            else:
                array = np.ascontiguousarray(values, kind.dtype)
                columns.append(encode_column(kind, NOWHERE, array, live))
            null_counts.append(0 if null is None else int(np.count_nonzero(null)))
        sealed = SealedColumns(kinds, tuple(columns), tuple(null_counts), new.count)
        is_alike = bool(kinds) and len(kinds) <= NULLS_PER_WORD and not any(null_counts)
        run = write_run(self._engine, self._table, sealed, is_alike=is_alike)
        self._runs.append((run, new))
        return True

    def _put_back(self) -> None:
        while self._runs:
            run, _ = self._runs.popleft()
            run.put_back(self._engine, self._table.pager)


def _as_blob(values: Any) -> StringBlob:
    if isinstance(values, StringBlob):
        return values
    texts = [value or b"" for value in values]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    blob: npt.NDArray[np.uint8] = np.frombuffer(b"".join(texts), np.uint8)
    return StringBlob(blob, offsets)
