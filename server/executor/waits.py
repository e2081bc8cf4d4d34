"""Wait: what a generator of the executor or the session yields when it cannot go on yet.

Rule 1: whoever drives the generator resumes it when the completion is done; a completion that
        failed is resumed all the same, and the one who yielded looks at its error.
Rule 2: closing the generator while it waits is cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.errors import SqlError
    from storage.waits import Completion


@dataclass(frozen=True, slots=True)
class Wait:
    """Resume when the completion is done, or after timeout_ms.

    what: the wait event as pg_stat_activity shows it. where: what is being done, for errors that end the wait.
    failures: takes an error that ends the wait; None: it is raised where the Wait was yielded, which is not always
    where somebody can do something about it.
    """

    completion: Completion
    timeout_ms: int | None = None
    what: str = ""
    where: str = ""
    failures: list[SqlError] | None = None


def is_wait(item: object) -> bool:
    """Whether an operator that changes or locks rows has to wait.

    It yields Wait in place of a batch.
    """
    return type(item) is Wait


class Sees(BaseException):
    """A body that is run blind was about to see or to do more than its own variables; see ExecutionContext."""
