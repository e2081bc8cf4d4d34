"""BestTexts: the least or the greatest text of each group. The specification of native/best_texts.pyx."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.text_views import texts_of, views_of

if TYPE_CHECKING:
    from server.vector.column import Mask, Positions, Values


class BestTexts:
    """The best text of each group so far, by the order of its bytes, kept apart from the stores they came from."""

    def __init__(self, greatest: bool) -> None:
        self._greatest = greatest
        self._best: dict[int, bytes] = {}

    def add(self, store: Values, views: Values, groups: Positions, group_count: int) -> None:
        """Take texts in: groups says which is each one's, below group_count."""
        for group, text in zip(groups.tolist(), texts_of(store, views), strict=True):
            self._offer(group, text)

    def merge(self, other: BestTexts, mapping: Positions, group_count: int) -> None:
        """Take in the texts of another: its group g is group mapping[g] here."""
        for group, text in other._best.items():
            self._offer(int(mapping[group]), text)

    def texts(self, group_count: int) -> tuple[Values, Values, Mask]:
        """Store and views of the texts of so many groups, and which of them have one; others have the empty one."""
        there = np.array([group in self._best for group in range(group_count)], np.bool_)
        store, views = views_of([self._best.get(group, b"") for group in range(group_count)])
        return store, views, there

    def _offer(self, group: int, text: bytes) -> None:
        known = self._best.get(group)
        if known is None or (text > known if self._greatest else text < known):
            self._best[group] = text
