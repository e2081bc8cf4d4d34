from collections.abc import Callable, Sequence
from typing import Any

def frame_rows(
    rows: list[tuple[Any, ...]],
    kinds: bytes,
    scales: bytes,
    encoders: Sequence[Callable[[Any], bytes]],
) -> bytes: ...
