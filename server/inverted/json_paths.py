"""What a jsonpath needs to be there before it can find anything: names on its way, and scalars that it compares with.

Rule 1: what is not understood needs nothing.
Rule 2: a predicate is true only of items that its operands find; what is behind a ! or IS UNKNOWN needs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.inverted.row_sets import EVERYTHING, AllOf, AnyOf, Node
from server.types.jsonpath import PREDICATES

if TYPE_CHECKING:
    from server.types.jsonpath import Chain, JsonPath, Step

_STAYS: Final = frozenset(("any_array", "index"))
_WANDERS: Final = frozenset(("any_key", "any"))


class NeedOf(Protocol):
    """What a way asks of an index."""

    def __call__(self, names: tuple[str, ...], value: Any, *, has_value: bool) -> Node:
        """The way takes these names; it ends at this scalar if there is one."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How far a chain has come: names taken, what filters need, and what the way is still good for.

    is_sure: the names are all of its steps. has_items: what it gives are items of the value, not what a method
    has made of them.
    """

    names: tuple[str, ...] = ()
    needs: tuple[Node, ...] = ()
    is_sure: bool = True
    has_items: bool = True


_ROOT: Final = _Way()


def path_search(path: JsonPath, strategy: str, need_of: NeedOf) -> Node:
    """What must be there for a path that shall find something, or that shall hold."""
    return _Reader(need_of).path(path.chain, strategy)


class _Reader:
    def __init__(self, need_of: NeedOf) -> None:
        self._need_of = need_of

    def path(self, chain: Chain, strategy: str) -> Node:
        if chain[0].kind not in PREDICATES:
            return self._found(self._way(chain, _ROOT))
        # A predicate gives an item in any case, even if it is false.
        return self._truth(chain[0], _ROOT) if strategy == "path_holds" else EVERYTHING

    def _found(self, way: _Way | None) -> Node:
        if way is None:
            return EVERYTHING
        own = self._need_of(way.names, None, has_value=False)
        return AllOf((own, *way.needs))

    def _way(self, chain: Chain, current: _Way) -> _Way | None:
        """Where a chain leads; None: not known."""
        if chain[0].kind not in ("root", "current"):
            return None
        way = _ROOT if chain[0].kind == "root" else current
        for step in chain[1:]:
            way = self._next(way, step)
        return way

    def _next(self, way: _Way, step: Step) -> _Way:
        if not way.has_items or step.kind in _STAYS:
            return way
        if step.kind == "key":
            return _Way((*way.names, step.value), way.needs, way.is_sure)
        if step.kind == "filter":
            need = self._truth(step.arguments[0][0], way)
            return _Way(way.names, (*way.needs, need), way.is_sure)
        return _Way(way.names, way.needs, is_sure=False, has_items=step.kind in _WANDERS)

    def _truth(self, step: Step, current: _Way) -> Node:
        """What must be there for a predicate to be true."""
        if step.kind in ("&&", "||"):
            parts = tuple(self._truth(chain[0], current) for chain in step.arguments)
            return AllOf(parts) if step.kind == "&&" else AnyOf(parts)
        if step.kind not in PREDICATES or step.kind in ("not", "unknown"):
            return EVERYTHING
        if step.kind == "==":
            return self._equal(step, current)
        operands = [chain for chain in step.arguments if isinstance(chain, tuple)]
        return AllOf(tuple(self._found(self._way(chain, current)) for chain in operands))

    def _equal(self, step: Step, current: _Way) -> Node:
        ways = [self._way(chain, current) for chain in step.arguments]
        literals = [_literal(chain) for chain in step.arguments]
        for way, literal in zip(ways, reversed(literals), strict=True):
            if way is not None and literal is not None and way.has_items:
                value = literal.value
                need = self._need_of(way.names, value, has_value=True)
                return AllOf((need if way.is_sure else self._unsure(way, value), *way.needs))
        return AllOf(tuple(map(self._found, ways)))

    def _unsure(self, way: _Way, value: Any) -> Node:
        """A way with gaps: its names are there, and the scalar, for who does not ask for ways."""
        without = self._need_of(way.names, None, has_value=False)
        return without if without == EVERYTHING else self._need_of(way.names, value, has_value=True)


def _literal(chain: Chain) -> Step | None:
    return chain[0] if len(chain) == 1 and chain[0].kind == "literal" else None
