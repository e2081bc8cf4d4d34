"""Ahead: faults in pages that will be stored into soon, beside those who store.

Rule 1: it is a favour: whoever stores sees to it himself that his pages are there, and finds most of them.
Rule 2: faulting in changes nothing: a page has the bytes that it has shown before.
"""

import numpy as np
import numpy.typing as npt


class Ahead:
    """Does nothing: a thread of Python would hold up those whom it is to spare work."""

    def __init__(self, store: npt.NDArray[np.uint8]) -> None:
        del store

    def ask(self, offset: int, count: int) -> None:
        """Have a part of the store faulted in; nobody is told when, or whether, it is."""
        del offset, count

    def close(self) -> None:
        """End the thread, when it has done what it was asked for."""
