"""The access methods whose indexes are inverted, and their operator classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.inverted.gist_classes import gist_class_of
from server.inverted.operator_classes import gin_class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.inverted.operator_classes import OperatorClass
    from server.types.type import Type

CLASSES: Final[Mapping[str, Callable[[Type, str], OperatorClass | None]]] = {
    "gin": gin_class_of,
    "gist": gist_class_of,
}


def operator_class_of(method: str, kind: Type, name: str) -> OperatorClass | None:
    """The class of that name, or the default one, for values of a type; None: there is none that has entries."""
    classes = CLASSES.get(method)
    return None if classes is None else classes(kind, name.rpartition(".")[2])
