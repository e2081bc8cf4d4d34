"""The functions that give the binary form of a value: float8send and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext

SENDERS: Final = """
2401 array_send anyarray
2403 record_send record
2405 int2send int2
2407 int4send int4
2409 int8send int8
2413 byteasend bytea
2415 textsend text
2419 oidsend oid
2423 namesend name
2425 float4send float4
2427 float8send float8
2431 bpcharsend bpchar
2433 varcharsend varchar
2435 charsend char
2437 boolsend bool
2439 tidsend tid
2441 xidsend xid
2443 cidsend cid
5083 xid8send xid8
2457 bit_send bit
2459 varbit_send varbit
2461 numeric_send numeric
2469 date_send date
2471 time_send time
2473 timetz_send timetz
2475 timestamp_send timestamp
2477 timestamptz_send timestamptz
2479 interval_send interval
2493 cash_send money
2495 macaddr_send macaddr
2497 inet_send inet
2499 cidr_send cidr
3447 macaddr8_send macaddr8
324 json_send json
2962 uuid_send uuid
3239 pg_lsn_send pg_lsn
3533 enum_send anyenum
3803 jsonb_send jsonb
4004 jsonpath_send jsonpath
3837 range_send anyrange
4234 multirange_send anymultirange
2485 box_send box
2491 circle_send circle
2489 line_send line
2481 lseg_send lseg
2483 path_send path
2429 point_send point
2487 poly_send polygon
2501 cstring_send cstring
2503 anyarray_send anyarray
5091 anycompatiblearray_send anycompatiblearray
2411 int2vectorsend int2vector
2421 oidvectorsend oidvector
2453 regclasssend regclass
4197 regcollationsend regcollation
3739 regconfigsend regconfig
3774 regdictionarysend regdictionary
4088 regnamespacesend regnamespace
2451 regoperatorsend regoperator
2449 regopersend regoper
2447 regproceduresend regprocedure
2445 regprocsend regproc
4095 regrolesend regrole
2455 regtypesend regtype
5058 pg_snapshot_send pg_snapshot
2942 txid_snapshot_send txid_snapshot
3638 tsvectorsend tsvector
3640 tsquerysend tsquery
2899 xml_send xml
"""


STABLE: Final = frozenset(
    ("array_send", "record_send", "enum_send", "range_send", "multirange_send", "cstring_send",
     "anyarray_send", "anycompatiblearray_send", "textsend", "namesend", "bpcharsend",
     "varcharsend", "xml_send")
)  # fmt: skip
"""Those that ask the sender of another type, or for the client's encoding."""


def _send(context: CallContext, value: Any) -> bytes:
    sent: bytes = context.arguments[0].type.send(value)
    return sent


FUNCTIONS: Final = tuple(
    row(
        f"{oid} {name}({argument}) bytea context{' stable' if name in STABLE else ''}",
        _send,
        "The binary form of a value.",
    )
    for oid, name, argument in (line.split(" ") for line in SENDERS.strip().splitlines())
)
