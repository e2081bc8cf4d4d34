from collections.abc import Sequence

from server.vector.column import Mask, Values
from server.vector.matched_texts import Piece, Table

class Matcher:
    def __init__(
        self, floating: Table, whole: Table | None, is_short: bool, pieces: Sequence[Piece]
    ) -> None: ...
    def tests(self, store: Values, views: Values) -> tuple[Mask, Mask]: ...
    def cut_views(self, store: Values, views: Values, group: int) -> tuple[Values, Mask, Mask]: ...
    def replaced(
        self, store: Values, views: Values, parts: Sequence[bytes | int], everywhere: bool
    ) -> tuple[Values, Values, Mask]: ...
