"""TYPES: every built-in type, by family; what is not listed does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.types.array import array_type
from server.types.bits import BIT_TYPES
from server.types.boolean import BOOLEAN_TYPES
from server.types.bytea import BYTEA_TYPES
from server.types.dates import DATE_TYPES
from server.types.floats import FLOAT_TYPES
from server.types.geometry import GEOMETRIC_TYPES
from server.types.identifiers import IDENTIFIER_TYPES
from server.types.integers import INTEGER_TYPES
from server.types.interval import INTERVAL_TYPES
from server.types.json import JSON_TYPES
from server.types.jsonb import JSONB_TYPES
from server.types.jsonpath import JSONPATH_TYPES
from server.types.money import MONEY_TYPES
from server.types.network import NETWORK_TYPES
from server.types.numeric import NUMERIC_TYPES
from server.types.pseudo import PSEUDO_TYPES
from server.types.range_types import RANGE_TYPES
from server.types.record import RECORD_TYPES
from server.types.registered import REGISTERED_TYPES
from server.types.snapshots import SNAPSHOT_TYPES
from server.types.text import TEXT_TYPES
from server.types.times import TIME_TYPES
from server.types.timestamps import TIMESTAMP_TYPES
from server.types.tsquery import TSQUERY_TYPES
from server.types.tsvector import TSVECTOR_TYPES
from server.types.uuid import UUID_TYPES
from server.types.vectors import VECTOR_TYPES
from server.types.xml import XML_TYPES

if TYPE_CHECKING:
    from server.types.type import Type

SCALAR_TYPES: Final = (
    *BOOLEAN_TYPES,
    *INTEGER_TYPES,
    *FLOAT_TYPES,
    *NUMERIC_TYPES,
    *TEXT_TYPES,
    *BYTEA_TYPES,
    *DATE_TYPES,
    *TIME_TYPES,
    *TIMESTAMP_TYPES,
    *INTERVAL_TYPES,
    *UUID_TYPES,
    *JSON_TYPES,
    *JSONB_TYPES,
    *JSONPATH_TYPES,
    *BIT_TYPES,
    *NETWORK_TYPES,
    *MONEY_TYPES,
    *IDENTIFIER_TYPES,
    *SNAPSHOT_TYPES,
    *REGISTERED_TYPES,
    *VECTOR_TYPES,
    *RANGE_TYPES,
    *GEOMETRIC_TYPES,
    *TSVECTOR_TYPES,
    *TSQUERY_TYPES,
    *XML_TYPES,
    *RECORD_TYPES,
    *PSEUDO_TYPES,
)
ARRAY_TYPES: Final = tuple(array_type(element) for element in SCALAR_TYPES if element.array_oid)
TYPES: Final = SCALAR_TYPES + ARRAY_TYPES

TYPE_BY_OID: Final[dict[int, Type]] = {type_.oid: type_ for type_ in TYPES}
TYPE_BY_NAME: Final[dict[str, Type]] = {type_.name: type_ for type_ in TYPES}
assert len(TYPE_BY_OID) == len(TYPE_BY_NAME) == len(TYPES)
