"""CASTS: the casts of pg_cast between types that exist.

A row is: source target function context method. Contexts: e explicit, a assignment, i implicit.
Methods: f by function, b binary-coercible, i through text. Casts to and from strings that pg_cast
does not list go through text as well; the binder knows that rule.
"""

from __future__ import annotations

from typing import Final

from server.functions.declare import type_oid
from server.functions.function import Cast

ROWS: Final = """
bool int4 2558 e f
bool text 2971 a f
bool bpchar 2971 a f
bool varchar 2971 a f
char int4 77 e f
char text 946 i f
char bpchar 860 a f
char varchar 946 a f
name text 406 i f
name bpchar 408 a f
name varchar 1401 a f
int8 int2 714 a f
int8 int4 480 a f
int8 regproc 1287 i f
int8 oid 1287 i f
int8 float4 652 i f
int8 float8 482 i f
int8 numeric 1781 i f
int8 regprocedure 1287 i f
int8 regoper 1287 i f
int8 regoperator 1287 i f
int8 regclass 1287 i f
int8 regtype 1287 i f
int8 regconfig 1287 i f
int8 regdictionary 1287 i f
int8 regnamespace 1287 i f
int8 regrole 1287 i f
int8 regcollation 1287 i f
int2 int8 754 i f
int2 int4 313 i f
int2 regproc 313 i f
int2 oid 313 i f
int2 float4 236 i f
int2 float8 235 i f
int2 numeric 1782 i f
int2 regprocedure 313 i f
int2 regoper 313 i f
int2 regoperator 313 i f
int2 regclass 313 i f
int2 regtype 313 i f
int2 regconfig 313 i f
int2 regdictionary 313 i f
int2 regnamespace 313 i f
int2 regrole 313 i f
int2 regcollation 313 i f
int4 bool 2557 e f
int4 char 78 e f
int4 int8 481 i f
int4 int2 314 a f
int4 regproc 0 i b
int4 oid 0 i b
int4 float4 318 i f
int4 float8 316 i f
int4 numeric 1740 i f
int4 regprocedure 0 i b
int4 regoper 0 i b
int4 regoperator 0 i b
int4 regclass 0 i b
int4 regtype 0 i b
int4 regconfig 0 i b
int4 regdictionary 0 i b
int4 regnamespace 0 i b
int4 regrole 0 i b
int4 regcollation 0 i b
regproc int8 1288 a f
regproc int4 0 a b
regproc oid 0 i b
regproc regprocedure 0 i b
text char 944 a f
text name 407 i f
text xml 2896 e f
text bpchar 0 i b
text varchar 0 i b
text regclass 1079 i f
oid int8 1288 a f
oid int4 0 a b
oid regproc 0 i b
oid regprocedure 0 i b
oid regoper 0 i b
oid regoperator 0 i b
oid regclass 0 i b
oid regtype 0 i b
oid regconfig 0 i b
oid regdictionary 0 i b
oid regnamespace 0 i b
oid regrole 0 i b
oid regcollation 0 i b
json jsonb 0 a i
xml text 0 a b
xml bpchar 0 a b
xml varchar 0 a b
pg_node_tree text 0 i b
float4 int8 653 a f
float4 int2 238 a f
float4 int4 319 a f
float4 float8 311 i f
float4 numeric 1742 a f
float8 int8 483 a f
float8 int2 237 a f
float8 int4 317 a f
float8 float4 312 a f
float8 numeric 1743 a f
bpchar char 944 a f
bpchar name 409 i f
bpchar text 401 i f
bpchar xml 2896 e f
bpchar bpchar 668 i f
bpchar varchar 401 i f
varchar char 944 a f
varchar name 1400 i f
varchar text 0 i b
varchar xml 2896 e f
varchar bpchar 0 i b
varchar varchar 669 i f
varchar regclass 1079 i f
date timestamp 2024 i f
date timestamptz 1174 i f
time time 1968 i f
time interval 1370 i f
time timetz 2047 i f
timestamp date 2029 a f
timestamp time 1316 a f
timestamp timestamp 1961 i f
timestamp timestamptz 2028 i f
timestamptz date 1178 a f
timestamptz time 2019 a f
timestamptz timestamp 2027 a f
timestamptz timestamptz 1967 i f
timestamptz timetz 1388 a f
interval time 1419 a f
interval interval 1200 i f
timetz time 2046 a f
timetz timetz 1969 i f
bit bit 1685 i f
bit varbit 0 i b
varbit bit 0 i b
varbit varbit 1687 i f
numeric int8 1779 a f
numeric int2 1783 a f
numeric int4 1744 a f
numeric float4 1745 i f
numeric float8 1746 i f
numeric numeric 1703 i f
regprocedure int8 1288 a f
regprocedure int4 0 a b
regprocedure regproc 0 i b
regprocedure oid 0 i b
regoper int8 1288 a f
regoper int4 0 a b
regoper oid 0 i b
regoper regoperator 0 i b
regoperator int8 1288 a f
regoperator int4 0 a b
regoperator oid 0 i b
regoperator regoper 0 i b
regclass int8 1288 a f
regclass int4 0 a b
regclass oid 0 i b
regtype int8 1288 a f
regtype int4 0 a b
regtype oid 0 i b
regconfig int8 1288 a f
regconfig int4 0 a b
regconfig oid 0 i b
regdictionary int8 1288 a f
regdictionary int4 0 a b
regdictionary oid 0 i b
jsonb bool 3556 e f
jsonb int8 3452 e f
jsonb int2 3450 e f
jsonb int4 3451 e f
jsonb json 0 a i
jsonb float4 3453 e f
jsonb float8 2580 e f
jsonb numeric 3449 e f
regnamespace int8 1288 a f
regnamespace int4 0 a b
regnamespace oid 0 i b
regrole int8 1288 a f
regrole int4 0 a b
regrole oid 0 i b
regcollation int8 1288 a f
regcollation int4 0 a b
regcollation oid 0 i b
xid8 xid 5071 e f
"""


def casts(function_oids: frozenset[int]) -> tuple[Cast, ...]:
    """The casts whose functions exist."""
    found = []
    for line in ROWS.strip().splitlines():
        source, target, function, context, method = line.split(" ")
        if int(function) and int(function) not in function_oids:
            continue
        found.append(
            Cast(
                source=type_oid(source),
                target=type_oid(target),
                function=int(function),
                context=context,
                method=method,
            )
        )
    return tuple(found)
