"""The operator classes of gin indexes: which keys values have, and which operators ask for them.

Rule 1: a class is known by its name and the type of its values; without a name it is the default one of the type.
Rule 2: an operator is known by its function, with the indexed value on its left or on its right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.inverted.arrays import Arrays
from server.inverted.documents import Documents
from server.inverted.json_values import JsonParts, JsonWays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.inverted.row_sets import Search
    from server.types.type import Type

TSVECTOR, JSONB = 3614, 3802


class Extraction(Protocol):
    """An operator class at work on values of one type."""

    def keys(self, value: Any) -> set[bytes]:
        """The keys of a value; none of them begins another one."""

    def search(self, strategy: str, value: Any) -> Search:
        """What a condition with this value on its other side asks."""


@dataclass(frozen=True, slots=True)
class OperatorClass:
    """A class for the values of a type, and strategies by the OIDs of functions: with the key left, and right."""

    name: str
    extraction: Callable[[Type, Callable[[int], Type]], Extraction]
    left: Mapping[int, str]
    right: Mapping[int, str]


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
_OF_TYPE: Final = {
    TSVECTOR: {"": _DOCUMENTS, "tsvector_ops": _DOCUMENTS},
    JSONB: {"": _JSON_PARTS, "jsonb_ops": _JSON_PARTS, "jsonb_path_ops": _JSON_WAYS},
}
_OF_ARRAYS: Final = {"": _ARRAYS, "array_ops": _ARRAYS}


def operator_class_of(kind: Type, name: str) -> OperatorClass | None:
    """The class of that name, or the default one, for values of a type; None: there is none that has entries."""
    is_array = kind.category == "A" and kind.element_oid and kind.kind != "p"
    classes = _OF_ARRAYS if is_array else _OF_TYPE.get(kind.oid, {})
    return classes.get(name.rpartition(".")[2])
