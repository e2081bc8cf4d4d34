"""pg_snapshot and txid_snapshot: which transactions had ended at a moment, written xmin:xmax:xip,..."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.types.errors import invalid_syntax
from server.types.text import define_text

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type

FORM: Final = re.compile(r"([0-9]+):([0-9]+):((?:[0-9]+(?:,[0-9]+)*)?)")
XID_LIMIT: Final = 1 << 63


def parse_snapshot(text: str, _modifier: int, _style: TextStyle) -> str:
    """Read a snapshot: xids between the bounds in ascending order, the same one twice counts once."""
    match = FORM.fullmatch(text)
    if match is None:
        raise invalid_syntax("pg_snapshot", text)
    xmin, xmax = int(match[1]), int(match[2])
    listed = [int(xid) for xid in match[3].split(",") if xid]
    in_bounds = 0 < xmin <= xmax < XID_LIMIT and all(xmin <= xid < xmax for xid in listed)
    if not in_bounds or listed != sorted(listed):
        raise invalid_syntax("pg_snapshot", text)
    return f"{xmin}:{xmax}:{','.join(map(str, dict.fromkeys(listed)))}"


SNAPSHOT_TYPES: Final[tuple[Type, ...]] = (
    define_text("txid_snapshot", parse=parse_snapshot),
    define_text("pg_snapshot", parse=parse_snapshot),
)
