"""The functions behind hash indexes: hashint4, hash_numeric and their kin, plain and extended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from server.functions.cataloged import cataloged
from server.functions.hashing import LONG, hash_value
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.types.type import Type

WORD_SIGN: Final = 1 << 31
LONG_SIGN: Final = 1 << 63

# the plain function, the extended one, an example with the result of the plain one
NAMES: Final = """
hashint2 hashint2extended 1 -1905060026
hashint4 hashint4extended 1 -1905060026
hashint8 hashint8extended 1 -1905060026
hashoid hashoidextended 1 -1905060026
hashfloat4 hashfloat4extended 0 0
hashfloat8 hashfloat8extended 0 0
hashchar hashcharextended 'x' -1072653310
hashname hashnameextended 'abc' -785388649
hashtext hashtextextended 'abc' -785388649
hashbpchar hashbpcharextended 'abc' -785388649
hashoidvector hashoidvectorextended '1_2_3' 1738594973
hashmacaddr hashmacaddrextended '08:00:2b:01:02:03' 294987870
hashmacaddr8 hashmacaddr8extended '08002b0102030405' -445665214
hashinet hashinetextended '10.0.0.1' 1455329472
hashtid hashtidextended '(0,1)' 799729475
hash_numeric hash_numeric_extended 1.50 692967894
hash_array hash_array_extended '{1,2}'::int4[] -2087800271
hash_record hash_record_extended ROW(1,2) -2087801232
hash_range hash_range_extended '[1,2)'::int4range -666547305
hash_multirange hash_multirange_extended '{[1,2)}'::int4multirange -666547274
hashenum hashenumextended - -
time_hash time_hash_extended '10:00' 1380652790
timetz_hash timetz_hash_extended '10:00+00' -1107962279
interval_hash interval_hash_extended '1_day' -2053980660
timestamp_hash timestamp_hash_extended '2024-01-31' -1654220186
uuid_hash uuid_hash_extended '00000000-0000-0000-0000-000000000001' -1046387463
pg_lsn_hash pg_lsn_hash_extended '0/1' -1905060026
jsonb_hash jsonb_hash_extended '{"a":[1,true]}' -1650326441
"""


def _type_of(context: CallContext) -> Callable[[int], Type]:
    catalog = getattr(context.execution, "catalog", None)
    return TYPE_BY_OID.__getitem__ if catalog is None else catalog.type


def _extended(context: CallContext, value: Any, seed: int) -> int:
    kind = context.arguments[0].type
    found = hash_value(kind, value, seed & LONG, _type_of(context))
    return found - 2 * LONG_SIGN if found & LONG_SIGN else found


def _plain(context: CallContext, value: Any) -> int:
    found = hash_value(context.arguments[0].type, value, 0, _type_of(context)) & 0xFFFFFFFF
    return found - 2 * WORD_SIGN if found & WORD_SIGN else found


def _functions() -> list[Any]:
    found = []
    for line in NAMES.strip().splitlines():
        plain, extended, value, hashed = line.split(" ")
        value = value.replace("_", " ")
        example = "" if hashed == "-" else f"{value} -> {hashed}"
        # What an array or row holds, the catalog knows, which is there once a statement runs.
        make = partial(
            cataloged, needs_context=True, needs_catalog=plain in ("hash_array", "hash_record")
        )
        found.append(make(plain, _plain, "The hash of a value.", example))
        found.append(make(extended, _extended, "The hash of a value, with a seed, in 64 bits."))
    return found


FUNCTIONS: Final = tuple(_functions())
