"""The operator classes of gin indexes: which keys values have, and which operators ask for them.

Rule 1: a class is known by its name and the type of its values; without a name it is the default one of the type.
Rule 2: an operator is known by its function, with the indexed value on its left or on its right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from server.extensions.intarray import INTARRAY
from server.extensions.pg_trgm import PG_TRGM
from server.inverted.arrays import Arrays
from server.inverted.documents import Documents
from server.inverted.json_values import JsonParts, JsonWays
from server.inverted.trigrams import Trigrams
from server.oids import JSONB, TEXT, TSVECTOR, VARCHAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.functions.function import Function
    from server.inverted.row_sets import Search
    from server.types.type import Type


class Extraction(Protocol):
    """An operator class at work on values of one type."""

    def keys(self, value: Any) -> set[bytes]:
        """The keys of a value; none of them begins another one."""

    def search(self, strategy: str, value: Any) -> Search:
        """What a condition with this value on its other side asks."""


@runtime_checkable
class ItemExtraction(Protocol):
    """An operator class whose keys are those of the items that stored values consist of."""

    def stored_items(self, stored: bytes) -> list[bytes]:
        """The items of a value as it is kept; some may be there several times."""

    def item_key(self, item: bytes) -> bytes:
        """The key of an item; several items may have one key."""


@runtime_checkable
class SettingsExtraction(Protocol):
    """An operator class whose searches depend on settings."""

    def under(self, settings: Any) -> Extraction:
        """The class as settings have it."""


@dataclass(frozen=True, slots=True)
class OperatorClass:
    """A class for the values of a type, and the strategies of functions: with the key left, and right.

    Functions go by their OIDs, those of extensions by what they are in Python. look_cost: what it costs to look into
    a value, in the planner's unit.
    """

    name: str
    extraction: Callable[[Type, Callable[[int], Type]], Extraction]
    left: Mapping[Any, str]
    right: Mapping[Any, str]
    look_cost: float = 2.0

    def strategy(self, function: Function, *, is_left: bool) -> str | None:
        """What a condition by that function asks, with the key on that side; None: nothing."""
        strategies = self.left if is_left else self.right
        return strategies.get(function.oid) or strategies.get(function.row)


_ARRAYS: Final = OperatorClass(
    "array_ops",
    lambda kind, type_of: Arrays(type_of(kind.element_oid)),
    {2748: "contains", 2749: "contained", 2747: "overlaps", 744: "equals"},
    {2748: "contained", 2749: "contains", 2747: "overlaps", 744: "equals"},
)
_DOCUMENTS: Final = OperatorClass(
    "tsvector_ops", lambda _kind, _type_of: Documents(), {3634: "match"}, {3635: "match"}
)
_JSON_PARTS: Final = OperatorClass(
    "jsonb_ops",
    lambda _kind, _type_of: JsonParts(),
    {
        4046: "contains",
        4047: "has",
        4048: "has_any",
        4049: "has_all",
        4010: "path_exists",
        4011: "path_holds",
    },
    {4050: "contains"},
)
_JSON_WAYS: Final = OperatorClass(
    "jsonb_path_ops",
    lambda _kind, _type_of: JsonWays(),
    {4046: "contains", 4010: "path_exists", 4011: "path_holds"},
    {4050: "contains"},
)
_SIMILAR: Final = PG_TRGM.functions["is_similar"]
_TRIGRAMS: Final = OperatorClass(
    "gin_trgm_ops",
    lambda _kind, _type_of: Trigrams(),
    {
        67: "equals",
        850: "like",
        1633: "like",
        1254: "matches",
        1238: "matches in any case",
        _SIMILAR: "similar",
        PG_TRGM.functions["has_word"]: "similar word",
        PG_TRGM.functions["has_strict_word"]: "similar strict word",
    },
    {
        67: "equals",
        _SIMILAR: "similar",
        PG_TRGM.functions["is_word"]: "similar word",
        PG_TRGM.functions["is_strict_word"]: "similar strict word",
    },
    look_cost=0.2,
)
_OF_TYPE: Final = {
    TSVECTOR: {"": _DOCUMENTS, "tsvector_ops": _DOCUMENTS},
    TEXT: {"gin_trgm_ops": _TRIGRAMS},
    VARCHAR: {"gin_trgm_ops": _TRIGRAMS},
    JSONB: {"": _JSON_PARTS, "jsonb_ops": _JSON_PARTS, "jsonb_path_ops": _JSON_WAYS},
}
_NUMBERS: Final = OperatorClass(
    "gin__int_ops",
    lambda kind, type_of: Arrays(type_of(kind.element_oid)),
    {
        INTARRAY.functions["contains"]: "contains",
        INTARRAY.functions["contained"]: "contained",
        INTARRAY.functions["overlap"]: "overlaps",
        744: "equals",
    },
    {
        INTARRAY.functions["contains"]: "contained",
        INTARRAY.functions["contained"]: "contains",
        INTARRAY.functions["overlap"]: "overlaps",
        744: "equals",
    },
)
_OF_ARRAYS: Final = {"": _ARRAYS, "array_ops": _ARRAYS, "gin__int_ops": _NUMBERS}


def gin_class_of(kind: Type, name: str) -> OperatorClass | None:
    """The class of that name, or the default one, for values of a type; None: there is none that has entries."""
    is_array = kind.category == "A" and kind.element_oid and kind.kind != "p"
    classes = _OF_ARRAYS if is_array else _OF_TYPE.get(kind.oid, {})
    return classes.get(name)
