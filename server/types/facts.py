"""What pg_type says about every built-in type, and the one way to make a Type from it.

The rows are PostgreSQL's, column for column:
oid typname typarray typelem typcategory typispreferred typlen typbyval typalign typstorage typdelim
typcollation typtype and, last because it may contain blanks, the name as format_type prints it.
"""

from __future__ import annotations

from typing import Any, Final

from server.types.columns import (
    format_each,
    load_objects,
    parse_each,
    send_each,
    store_values,
)
from server.types.type import Type

ROWS: Final = """
16 bool 1000 0 B t 1 t c p , 0 b boolean
17 bytea 1001 0 U f -1 f i x , 0 b bytea
18 char 1002 0 Z f 1 t c p , 0 b "char"
19 name 1003 18 S f 64 f c p , 950 b name
20 int8 1016 0 N f 8 t d p , 0 b bigint
21 int2 1005 0 N f 2 t s p , 0 b smallint
23 int4 1007 0 N f 4 t i p , 0 b integer
24 regproc 1008 0 N f 4 t i p , 0 b regproc
25 text 1009 0 S t -1 f i x , 100 b text
26 oid 1028 0 N t 4 t i p , 0 b oid
27 tid 1010 0 U f 6 f s p , 0 b tid
28 xid 1011 0 U f 4 t i p , 0 b xid
29 cid 1012 0 U f 4 t i p , 0 b cid
32 pg_ddl_command 0 0 P f 8 t d p , 0 p pg_ddl_command
114 json 199 0 U f -1 f i x , 0 b json
142 xml 143 0 U f -1 f i x , 0 b xml
194 pg_node_tree 0 0 Z f -1 f i x , 100 b pg_node_tree
269 table_am_handler 0 0 P f 4 t i p , 0 p table_am_handler
325 index_am_handler 0 0 P f 4 t i p , 0 p index_am_handler
600 point 1017 701 G f 16 f d p , 0 b point
601 lseg 1018 600 G f 32 f d p , 0 b lseg
602 path 1019 0 G f -1 f d x , 0 b path
603 box 1020 600 G f 32 f d p ; 0 b box
604 polygon 1027 0 G f -1 f d x , 0 b polygon
628 line 629 701 G f 24 f d p , 0 b line
650 cidr 651 0 I f -1 f i m , 0 b cidr
700 float4 1021 0 N f 4 t i p , 0 b real
701 float8 1022 0 N t 8 t d p , 0 b double precision
705 unknown 0 0 X f -2 f c p , 0 p unknown
718 circle 719 0 G f 24 f d p , 0 b circle
774 macaddr8 775 0 U f 8 f i p , 0 b macaddr8
790 money 791 0 N f 8 t d p , 0 b money
829 macaddr 1040 0 U f 6 f i p , 0 b macaddr
869 inet 1041 0 I t -1 f i m , 0 b inet
1033 aclitem 1034 0 U f 12 f i p , 0 b aclitem
1042 bpchar 1014 0 S f -1 f i x , 100 b character
1043 varchar 1015 0 S f -1 f i x , 100 b character varying
1082 date 1182 0 D f 4 t i p , 0 b date
1083 time 1183 0 D f 8 t d p , 0 b time without time zone
1114 timestamp 1115 0 D f 8 t d p , 0 b timestamp without time zone
1184 timestamptz 1185 0 D t 8 t d p , 0 b timestamp with time zone
1186 interval 1187 0 T t 16 f d p , 0 b interval
1266 timetz 1270 0 D f 12 f d p , 0 b time with time zone
1560 bit 1561 0 V f -1 f i x , 0 b bit
1562 varbit 1563 0 V t -1 f i x , 0 b bit varying
1700 numeric 1231 0 N f -1 f i m , 0 b numeric
1790 refcursor 2201 0 U f -1 f i x , 0 b refcursor
2202 regprocedure 2207 0 N f 4 t i p , 0 b regprocedure
2203 regoper 2208 0 N f 4 t i p , 0 b regoper
2204 regoperator 2209 0 N f 4 t i p , 0 b regoperator
2205 regclass 2210 0 N f 4 t i p , 0 b regclass
2206 regtype 2211 0 N f 4 t i p , 0 b regtype
2249 record 2287 0 P f -1 f d x , 0 p record
2275 cstring 1263 0 P f -2 f c p , 0 p cstring
2276 any 0 0 P f 4 t i p , 0 p "any"
2277 anyarray 0 0 P f -1 f d x , 0 p anyarray
2278 void 0 0 P f 4 t i p , 0 p void
2279 trigger 0 0 P f 4 t i p , 0 p trigger
2280 language_handler 0 0 P f 4 t i p , 0 p language_handler
2281 internal 0 0 P f 8 t d p , 0 p internal
2283 anyelement 0 0 P f 4 t i p , 0 p anyelement
2776 anynonarray 0 0 P f 4 t i p , 0 p anynonarray
2950 uuid 2951 0 U f 16 f c p , 0 b uuid
2970 txid_snapshot 2949 0 U f -1 f d x , 0 b txid_snapshot
3115 fdw_handler 0 0 P f 4 t i p , 0 p fdw_handler
3220 pg_lsn 3221 0 U f 8 t d p , 0 b pg_lsn
3310 tsm_handler 0 0 P f 4 t i p , 0 p tsm_handler
3361 pg_ndistinct 0 0 Z f -1 f i x , 100 b pg_ndistinct
3402 pg_dependencies 0 0 Z f -1 f i x , 100 b pg_dependencies
3500 anyenum 0 0 P f 4 t i p , 0 p anyenum
3614 tsvector 3643 0 U f -1 f i x , 0 b tsvector
3615 tsquery 3645 0 U f -1 f i p , 0 b tsquery
3642 gtsvector 3644 0 U f -1 f i p , 0 b gtsvector
3734 regconfig 3735 0 N f 4 t i p , 0 b regconfig
3769 regdictionary 3770 0 N f 4 t i p , 0 b regdictionary
3802 jsonb 3807 0 U f -1 f i x , 0 b jsonb
3831 anyrange 0 0 P f -1 f d x , 0 p anyrange
3838 event_trigger 0 0 P f 4 t i p , 0 p event_trigger
3904 int4range 3905 0 R f -1 f i x , 0 r int4range
3906 numrange 3907 0 R f -1 f i x , 0 r numrange
3908 tsrange 3909 0 R f -1 f d x , 0 r tsrange
3910 tstzrange 3911 0 R f -1 f d x , 0 r tstzrange
3912 daterange 3913 0 R f -1 f i x , 0 r daterange
3926 int8range 3927 0 R f -1 f d x , 0 r int8range
4072 jsonpath 4073 0 U f -1 f i x , 0 b jsonpath
4089 regnamespace 4090 0 N f 4 t i p , 0 b regnamespace
4096 regrole 4097 0 N f 4 t i p , 0 b regrole
4191 regcollation 4192 0 N f 4 t i p , 0 b regcollation
4451 int4multirange 6150 0 R f -1 f i x , 0 m int4multirange
4532 nummultirange 6151 0 R f -1 f i x , 0 m nummultirange
4533 tsmultirange 6152 0 R f -1 f d x , 0 m tsmultirange
4534 tstzmultirange 6153 0 R f -1 f d x , 0 m tstzmultirange
4535 datemultirange 6155 0 R f -1 f i x , 0 m datemultirange
4536 int8multirange 6157 0 R f -1 f d x , 0 m int8multirange
4537 anymultirange 0 0 P f -1 f d x , 0 p anymultirange
4538 anycompatiblemultirange 0 0 P f -1 f d x , 0 p anycompatiblemultirange
5017 pg_mcv_list 0 0 Z f -1 f i x , 100 b pg_mcv_list
5038 pg_snapshot 5039 0 U f -1 f d x , 0 b pg_snapshot
5069 xid8 271 0 U f 8 t d p , 0 b xid8
5077 anycompatible 0 0 P f 4 t i p , 0 p anycompatible
5078 anycompatiblearray 0 0 P f -1 f d x , 0 p anycompatiblearray
5079 anycompatiblenonarray 0 0 P f 4 t i p , 0 p anycompatiblenonarray
5080 anycompatiblerange 0 0 P f -1 f d x , 0 p anycompatiblerange
"""


def _facts(row: str) -> dict[str, Any]:
    """One row as the fields of a Type."""
    words = row.split(" ", 13)
    return {
        "oid": int(words[0]),
        "name": words[1],
        "array_oid": int(words[2]),
        "element_oid": int(words[3]),
        "category": words[4],
        "preferred": words[5] == "t",
        "length": int(words[6]),
        "by_value": words[7] == "t",
        "alignment": words[8],
        "storage_strategy": words[9],
        "delimiter": words[10],
        "collation": int(words[11]),
        "kind": words[12],
        "sql_name": words[13],
    }


FACTS: Final = {facts["name"]: facts for facts in map(_facts, ROWS.strip().splitlines())}


def define(name: str, **codecs: Any) -> Type:
    """Make the built-in type of that name from its facts and codecs."""
    return complete(FACTS[name] | codecs)


def complete(fields: dict[str, Any]) -> Type:
    """Make a type, deriving the column codecs that are not given from those of single values."""
    value_codecs = fields["format"], fields["send"], fields["parse"]
    fields.setdefault("format_column", format_each(value_codecs[0]))
    fields.setdefault("send_column", send_each(value_codecs[1]))
    fields.setdefault("parse_column", parse_each(value_codecs[2], fields["dtype"]))
    kind = fields["storage_kind"]
    fields.setdefault("to_storage", store_values(kind, fields.get("store_value")))
    fields.setdefault("from_storage", load_objects(kind, fields["dtype"], fields.get("load_value")))
    return Type(**fields)
