"""TABLESAMPLE: which rows of a row group are in the sample.

BERNOULLI decides for each row, SYSTEM for blocks of BLOCK_ROWS rows. The choice is a function of
the seed and the place of
the row only, so that REPEATABLE gives the same rows as long as the table stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from server.errors import InvalidTablesampleArgument, InvalidTablesampleRepeat
from server.executor.evaluation import scalar
from server.vector.column import Positions

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.planner.physical import Sample
    from storage.engine import ScanView

BLOCK_ROWS: Final = 64
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)

Chooser = Callable[["ScanView"], Positions]


class SampleScan:
    """A TABLESAMPLE clause made ready."""

    __slots__ = ("_fraction", "_is_system", "_seed")

    def __init__(self, sample: Sample) -> None:
        self._is_system = sample.method == "system"
        self._fraction = scalar(sample.percent)
        self._seed = None if sample.seed is None else scalar(sample.seed)

    def start(self, context: ExecutionContext) -> Chooser:
        """What gives the positions of the rows of a view that are in the sample of this run."""
        percent = self._fraction(context)
        if percent is None:
            raise InvalidTablesampleArgument("TABLESAMPLE parameter cannot be null")
        if not 0 <= float(percent) <= 100:
            raise InvalidTablesampleArgument("sample percentage must be between 0 and 100")
        seed = context.random.getrandbits(63)
        if self._seed is not None:
            given = self._seed(context)
            if given is None:
                raise InvalidTablesampleRepeat("TABLESAMPLE REPEATABLE parameter cannot be null")
            seed = hash(float(given)) & (2**63 - 1)
        limit = np.uint64(min(int(float(percent) / 100 * 2**64), 2**64 - 1))

        def choose(view: ScanView) -> Positions:
            places = np.asarray(view.row_ids, np.uint64)
            if self._is_system:
                places = places // np.uint64(BLOCK_ROWS)
            return np.flatnonzero(_scatter(places, seed) < limit)

        return choose


def _scatter(places: np.typing.NDArray[np.uint64], seed: int) -> np.typing.NDArray[np.uint64]:
    """Numbers that look random, evenly spread over 64 bits (two rounds of multiply and shift)."""
    mixed = (places + np.uint64(seed)) * _MULTIPLIER
    for _ in range(2):
        mixed = (mixed ^ (mixed >> _SHIFT)) * _MULTIPLIER
    return mixed ^ (mixed >> _SHIFT)
