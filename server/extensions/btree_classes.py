"""btree_gist and btree_gin: operator classes for types that are ordered.

With them such columns may stand in gist and gin indexes beside others: EXCLUDE (room WITH =, during WITH &&).
"""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

_TYPES: Final[dict[str, int]] = {
    "int2": 21,
    "int4": 23,
    "int8": 20,
    "oid": 26,
    "float4": 700,
    "float8": 701,
    "timestamp": 1114,
    "timestamptz": 1184,
    "time": 1083,
    "timetz": 1266,
    "date": 1082,
    "interval": 1186,
    "text": 25,
    "bpchar": 1042,
    "bytea": 17,
    "numeric": 1700,
    "bit": 1560,
    "macaddr": 829,
    "macaddr8": 774,
    "inet": 869,
    "cidr": 650,
    "uuid": 2950,
    "enum": 3500,
    "bool": 16,
}
_GIST_TYPES: Final = _TYPES | {"cash": 790, "vbit": 1562}
_GIN_TYPES: Final = _TYPES | {
    "money": 790,
    "varbit": 1562,
    "varchar": 1043,
    "char": 18,
    "name": 19,
}


def _classes(method: str, prefix: str, types: dict[str, int]) -> tuple[tuple[str, str, int], ...]:
    return tuple((method, f"{prefix}{name}_ops", oid) for name, oid in types.items())


BTREE_GIST: Final = Extension(
    name="btree_gist",
    version="1.7",
    comment="support for indexing common datatypes in GiST",
    declarations="",
    functions={},
    default_classes=_classes("gist", "gist_", _GIST_TYPES),
)

BTREE_GIN: Final = Extension(
    name="btree_gin",
    version="1.3",
    comment="support for indexing common datatypes in GIN",
    declarations="",
    functions={},
    default_classes=_classes("gin", "", _GIN_TYPES),
)
