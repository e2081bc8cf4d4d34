"""The kinds of random queries, and how the one of a seed is put."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from tests.random_queries.changing import ChangingMaker
from tests.random_queries.grammar import Maker
from tests.random_queries.relations import PATHS, PLAIN
from tests.random_queries.ways import CHANGING, PARAMETERS, SIMPLE, WAYS, Way
from tests.random_queries.wide import WideMaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.random_queries.tree import Tree


@dataclass(frozen=True, slots=True)
class Made:
    """A query, the way to ask it, and the name of that."""

    query: Tree
    way: Way
    name: str


def narrow(seed: int) -> Made:
    """A query of grammar.py, as it is."""
    return Made(Maker(seed).statement(), SIMPLE, "simple")


def wide(seed: int) -> Made:
    """A query of wide.py in any way."""
    name = Random(seed).choice(list(WAYS))
    return Made(WideMaker(seed).statement(), WAYS[name], name)


def every(seed: int) -> Made:
    """A query or a change, in any way and with parameters, about tables or what stands for them."""
    random = Random(~seed)
    maker, ways = random.choice(
        (
            (Maker, WAYS),
            (Maker, PARAMETERS),
            (WideMaker, WAYS),
            (WideMaker, PARAMETERS),
            (ChangingMaker, CHANGING),
            (ChangingMaker, CHANGING),
            (ChangingMaker, CHANGING),
            (ChangingMaker, CHANGING),
        )
    )
    name = random.choice(list(ways))
    query, way = maker(seed).statement(), ways[name]
    places = [name for name in PATHS if name != "computed" or maker is not ChangingMaker]
    place = random.choice(("", *places))
    if not place:
        return Made(query, way, name)
    return Made(query, way.within(PATHS[place], PLAIN), f"{name}, {place}")


KINDS: Final[dict[str, Callable[[int], Made]]] = {"narrow": narrow, "wide": wide, "every": every}
