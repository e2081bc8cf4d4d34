"""What a statement gives when the next one is not simply to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

RETURNED: Final = "returned"
"""The function is done."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """EXIT or CONTINUE on its way; without a label it means the innermost loop."""

    is_exit: bool
    label: str


Signal = Any
"""None: the next statement runs."""
