"""Functions of enums: they compare by the order of the labels, which the type knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, ObjectNotInPrerequisiteState
from server.functions.declare import row
from server.types.array import make_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import CallContext, Function


def _position(call: CallContext, label: str) -> Any:
    """Where a label stands; the type is that of the first argument, a domain's is its base's."""
    key = call.arguments[0].type.sort_key
    assert key is not None, call.arguments
    return key(label)


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[CallContext, str, str], Any]:
    return lambda call, left, right: compare(_position(call, left), _position(call, right))


def _difference(left: float, right: float) -> int:
    return (left > right) - (left < right)


def _labels(call: CallContext) -> list[str]:
    """The labels in their order."""
    oid = call.arguments[0].oid
    value = call.execution.catalog.object(oid)
    while value is not None and value.kind == "d":
        value = call.execution.catalog.object(value.base_type)
    if value is None:
        raise FeatureNotSupported("could not determine actual enum type")
    return [label for _, _, label in sorted(value.labels, key=lambda item: item[1])]


def _safe(call: CallContext, labels: Sequence[str]) -> Sequence[str]:
    """The labels, if all of them may be used; the type's input says so."""
    kind = call.arguments[0].type
    for label in labels:
        kind.parse(label, -1, call.style)
    return labels


def _first(call: CallContext, _: str | None) -> str:
    labels = _labels(call)
    return _one(call, labels[:1])


def _last(call: CallContext, _: str | None) -> str:
    return _one(call, _labels(call)[-1:])


def _one(call: CallContext, labels: Sequence[str]) -> str:
    if not labels:
        name = call.arguments[0].type.name
        raise ObjectNotInPrerequisiteState(f"enum {name} contains no values")
    return _safe(call, labels)[0]


def _everything(call: CallContext, _: str | None) -> Any:
    return make_array(call.arguments[0].oid, tuple(_safe(call, _labels(call))))


def _between(call: CallContext, low: str | None, high: str | None) -> Any:
    labels = _labels(call)
    start = 0 if low is None else labels.index(low)
    stop = len(labels) if high is None else labels.index(high) + 1
    return make_array(call.arguments[0].oid, tuple(_safe(call, labels[start:stop])))


_COMPARISONS: Final = (
    (3510, "enum_lt", lambda left, right: left < right, "before"),
    (3511, "enum_gt", lambda left, right: left > right, "behind"),
    (3512, "enum_le", lambda left, right: left <= right, "not behind"),
    (3513, "enum_ge", lambda left, right: left >= right, "not before"),
)

FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        "3508 enum_eq(anyenum, anyenum) bool total",
        lambda left, right: bool(left == right),
        "Whether both are the same value.",
    ),
    row(
        "3509 enum_ne(anyenum, anyenum) bool total",
        lambda left, right: bool(left != right),
        "Whether they are different values.",
    ),
    *(
        row(
            f"{oid} {name}(anyenum, anyenum) bool context",
            _ordered(compare),
            f"Whether the first stands {words} the second.",
        )
        for oid, name, compare, words in _COMPARISONS
    ),
    row(
        "3514 enum_cmp(anyenum, anyenum) int4 context",
        _ordered(_difference),
        "Less than, equal to or greater than 0 as the first stands to the second.",
    ),
    row(
        "3524 enum_smaller(anyenum, anyenum) anyenum context",
        lambda call, left, right: min(left, right, key=lambda each: _position(call, each)),
        "The one that stands first.",
    ),
    row(
        "3525 enum_larger(anyenum, anyenum) anyenum context",
        lambda call, left, right: max(left, right, key=lambda each: _position(call, each)),
        "The one that stands last.",
    ),
    row("3528 enum_first(anyenum) anyenum stable lax context", _first, "The first value."),
    row("3529 enum_last(anyenum) anyenum stable lax context", _last, "The last value."),
    row(
        "3530 enum_range(anyenum, anyenum) anyarray stable lax context",
        _between,
        "The values between two; NULL is either end.",
    ),
    row("3531 enum_range(anyenum) anyarray stable lax context", _everything, "All values."),
)
