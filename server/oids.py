"""OIDs that PostgreSQL's initial catalogs fix and clients rely on: its types, and where those of users begin.

Types are named as pg_type names them, without the underscore of an array's.
"""

from typing import Final

BOOL: Final = 16
BYTEA: Final = 17
NAME: Final = 19
INT8: Final = 20
INT2: Final = 21
INT4: Final = 23
TEXT: Final = 25
OID: Final = 26
XID: Final = 28
XML: Final = 142
FLOAT4: Final = 700
FLOAT8: Final = 701
UNKNOWN: Final = 705
TEXT_ARRAY: Final = 1009
ACLITEM: Final = 1033
BPCHAR: Final = 1042
VARCHAR: Final = 1043
DATE: Final = 1082
TIME: Final = 1083
TIMESTAMP: Final = 1114
TIMESTAMPTZ: Final = 1184
INTERVAL: Final = 1186
CSTRING_ARRAY: Final = 1263
TIMETZ: Final = 1266
BIT: Final = 1560
VARBIT: Final = 1562
NUMERIC: Final = 1700
UUID: Final = 2950
TSVECTOR: Final = 3614
REGCONFIG: Final = 3734
REGDICTIONARY: Final = 3769
JSONB: Final = 3802

# Pseudo-types.

RECORD: Final = 2249
CSTRING: Final = 2275
ANY: Final = 2276
ANYARRAY: Final = 2277
VOID: Final = 2278
TRIGGER: Final = 2279
INTERNAL: Final = 2281
ANYELEMENT: Final = 2283
RECORD_ARRAY: Final = 2287
ANYNONARRAY: Final = 2776
ANYENUM: Final = 3500
ANYRANGE: Final = 3831
ANYMULTIRANGE: Final = 4537
ANYCOMPATIBLEMULTIRANGE: Final = 4538
ANYCOMPATIBLE: Final = 5077
ANYCOMPATIBLEARRAY: Final = 5078
ANYCOMPATIBLENONARRAY: Final = 5079
ANYCOMPATIBLERANGE: Final = 5080

FIRST_USER_OID: Final = 16384
"""What users make has this one or a greater one; what a new cluster has, a smaller one."""
