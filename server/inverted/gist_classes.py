"""The operator classes of gist indexes that have entries; of all others only the definition of the index is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.inverted.operator_classes import OperatorClass
from server.inverted.scalars import Points, Scalars
from server.inverted.spans import Ranges, Spans, of_boxes, of_circles

if TYPE_CHECKING:
    from server.types.range import RangeKind
    from server.types.type import Type

POINT, BOX, CIRCLE = 600, 603, 718


def _range_kind(kind: Type) -> RangeKind:
    assert kind.range is not None
    return kind.range


_RANGES: Final = OperatorClass(
    "range_ops",
    lambda kind, _type_of: Ranges(_range_kind(kind)),
    {
        3857: "overlaps",
        3858: "has",
        3859: "contains",
        3861: "contained",
        3855: "equals",
        3862: "adjacent",
        3863: "before",
        3864: "after",
    },
    {
        3857: "overlaps",
        3859: "contained",
        3860: "has",
        3861: "contains",
        3855: "equals",
        3862: "adjacent",
        3863: "after",
        3864: "before",
    },
)
_BOXES: Final = OperatorClass(
    "box_ops",
    lambda _kind, _type_of: Spans(of_boxes),
    {125: "overlaps", 187: "contains", 192: "contained", 186: "overlaps", 193: "contains"},
    {125: "overlaps", 187: "contained", 192: "contains", 186: "overlaps"},
)
_CIRCLES: Final = OperatorClass(
    "circle_ops",
    lambda _kind, _type_of: Spans(of_circles),
    {1459: "overlaps", 1453: "contains", 1458: "contained", 1452: "overlaps", 1477: "contains"},
    {1459: "overlaps", 1453: "contained", 1458: "contains", 1452: "overlaps"},
)
_POINTS: Final = OperatorClass(
    "point_ops",
    lambda _kind, _type_of: Points(),
    {132: "before", 133: "after", 135: "within", 136: "within", 1478: "within"},
    {132: "after", 133: "before", 135: "within", 187: "within"},
)
_EQUALITY: Final = frozenset(
    [
        60,
        63,
        65,
        184,
        287,
        293,
        467,
        67,
        830,
        888,
        920,
        1048,
        1086,
        1145,
        1152,
        1162,
        1352,
        1581,
        1666,
        1718,
        1948,
        2052,
        2956,
        4113,
    ]
)
"""The functions of = between two values of one type."""
_SCALARS: Final = OperatorClass(
    "",
    lambda kind, _type_of: Scalars(kind),
    dict.fromkeys(_EQUALITY, "equals"),
    dict.fromkeys(_EQUALITY, "equals"),
)
_SCALAR_TYPES: Final = frozenset(
    [
        17,
        20,
        21,
        23,
        25,
        26,
        650,
        700,
        701,
        774,
        790,
        829,
        869,
        1042,
        1043,
        1082,
        1083,
        1114,
        1184,
        1186,
        1266,
        1560,
        1562,
        1700,
        2950,
    ]
)
_FIGURES: Final = {POINT: _POINTS, BOX: _BOXES, CIRCLE: _CIRCLES}


def gist_class_of(kind: Type, name: str) -> OperatorClass | None:
    """The class of that name, or the default one, for values of a type; None: there is none that has entries."""
    if kind.kind == "r":
        return _RANGES if name in ("", _RANGES.name) else None
    figures = _FIGURES.get(kind.oid)
    if figures is not None:
        return figures if name in ("", figures.name) else None
    if kind.oid in _SCALAR_TYPES and (not name or name.startswith("gist_")):
        return _SCALARS
    return None
