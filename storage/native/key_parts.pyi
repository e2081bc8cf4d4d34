from collections.abc import Sequence

from storage.kinds import Kind

class KeyParts:
    def __init__(self, kinds: Sequence[Kind]) -> None: ...
