"""pg_snapshot and txid_snapshot: which transactions had ended at a moment, written xmin:xmax:xip,..."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from server.types.columns import send_each
from server.types.errors import incorrect_format, insufficient_data, invalid_syntax
from server.types.text import define_text
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type

FORM: Final = re.compile(r"([0-9]+):([0-9]+):((?:[0-9]+(?:,[0-9]+)*)?)")
XID_LIMIT: Final = 1 << 63
HEAD: Final = struct.Struct("!iqq")
XID: Final = struct.Struct("!q")


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


def send_snapshot(value: str) -> bytes:
    """How many are listed, the bounds, and those that are listed."""
    xmin, xmax, listed = value.split(":")
    xids = [int(xid) for xid in listed.split(",") if xid]
    return struct.pack(f"!i{2 + len(xids)}q", len(xids), int(xmin), int(xmax), *xids)


def receive_snapshot(data: bytes, _modifier: int) -> str:
    """Decode the binary form; 22P03 for what is no snapshot."""
    if len(data) < HEAD.size:
        raise insufficient_data()
    count, xmin, xmax = HEAD.unpack_from(data)
    if len(data) != HEAD.size + XID.size * count:
        raise (
            insufficient_data() if len(data) < HEAD.size + XID.size * count else incorrect_format()
        )
    listed = [xid for (xid,) in XID.iter_unpack(data[HEAD.size :])]
    try:
        text = f"{xmin}:{xmax}:{','.join(map(str, listed))}"
        return parse_snapshot(text, -1, PLAIN_STYLE)
    except InvalidTextRepresentation:
        raise InvalidBinaryRepresentation("invalid external pg_snapshot data") from None


_CODECS: Final[dict[str, Any]] = {
    "parse": parse_snapshot,
    "send": send_snapshot,
    "send_column": send_each(send_snapshot),
    "receive": receive_snapshot,
}

SNAPSHOT_TYPES: Final[tuple[Type, ...]] = (
    define_text("txid_snapshot", **_CODECS),
    define_text("pg_snapshot", **_CODECS),
)
