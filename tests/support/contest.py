"""What the runners of random sequences have in common: their command line, and seed after seed."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import Counter


class Played(Protocol):
    """Two servers. free: how often something differed that may, by reason."""

    free: Counter[str]

    def play(self, seed: int) -> bool:
        """Whether both answer a sequence alike."""


def arguments_of(
    description: str | None, words: list[str] | None = None, *, count: int
) -> argparse.Namespace:
    """The command line; count: how many sequences are played if nobody says so."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--differences-max", type=int, default=20)
    return parser.parse_args(words)


def play_all(contest: Played, arguments: argparse.Namespace) -> int:
    """Play sequences until enough of them differ, and tell how many; how many did."""
    started, differed, played = time.perf_counter(), 0, 0
    for seed in range(arguments.first, arguments.first + arguments.count):
        played += 1
        differed += not contest.play(seed)
        if differed >= arguments.differences_max:
            break
    for reason, count in contest.free.items():
        sys.stdout.write(f"{count} are free to differ: {reason}\n")
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{differed} of {played} sequences differ, in {seconds:.0f} s\n")
    return differed
