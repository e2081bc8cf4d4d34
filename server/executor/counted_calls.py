"""counted: counts a call of a function while it runs, if track_functions asks for that."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from server.catalog.function_activity import is_tracked

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from server.catalog.routine_objects import UserFunction
    from server.executor.context import ExecutionContext

NOT_COUNTED = nullcontext()


def counts_calls(context: ExecutionContext) -> bool:
    """Whether any calls are counted; the context remembers."""
    if context.counts_calls is None:
        found = context.session is not None and context.settings["track_functions"] != "none"
        context.counts_calls = found
    return context.counts_calls


def counted(context: ExecutionContext, function: UserFunction) -> AbstractContextManager[None]:
    """What a call of the function is to run in."""
    if not is_tracked(function.language, context.settings["track_functions"]):
        return NOT_COUNTED
    found: AbstractContextManager[None] = context.session.database.functions.timed(function.oid)
    return found
