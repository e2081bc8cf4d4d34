r"""Where the fields of plain COPY text lie, so that whoever wants them need not be given a value each.

Rule 1: plain is text with newlines only, whose backslashes are all those of `\N` - none where NULL is the empty field -
        and no byte of which is zero; csv without a quote is no other. For anything else, wrong data included, there is
        None, and the ordinary decoder.
Rule 2: only rows that are there whole are taken.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NULL = b"\\N"


class Spans(NamedTuple):
    """Fields by column and row: data[starts[c, r]:stops[c, r]]; NULL where the stop is -1."""

    data: bytes
    starts: npt.NDArray[np.int32]
    stops: npt.NDArray[np.int32]
    consumed: int

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return int(self.starts.shape[1])

    def part(self, start: int, stop: int) -> "Spans":
        """Some of the rows."""
        return self._replace(starts=self.starts[:, start:stop], stops=self.stops[:, start:stop])

    def fields(self, column: int) -> list[bytes | None]:
        """The values of a column."""
        data = self.data
        places = zip(self.starts[column].tolist(), self.stops[column].tolist(), strict=True)
        return [None if stop < 0 else data[start:stop] for start, stop in places]


def plain_spans(
    data: bytes, column_count: int, delimiter: bytes, null: bytes = NULL
) -> Spans | None:
    """The fields of the whole rows of plain text. null: NULL, or nothing."""
    if b"\r" in data or b"\0" in data or not column_count:
        return None
    consumed = data.rfind(b"\n") + 1
    starts: list[list[int]] = []
    stops: list[list[int]] = []
    place = 0
    for line in data[:consumed].split(b"\n")[:-1]:
        fields = line.split(delimiter)
        if len(fields) != column_count:
            return None
        starts.append([])
        stops.append([])
        for field in fields:
            if b"\\" in field and field != null:
                return None
            starts[-1].append(place)
            stops[-1].append(-1 if field == null else place + len(field))
            place += len(field) + 1
    shape = len(starts), column_count
    return Spans(
        data,
        np.ascontiguousarray(np.array(starts, np.int32).reshape(shape).T),
        np.ascontiguousarray(np.array(stops, np.int32).reshape(shape).T),
        consumed,
    )
