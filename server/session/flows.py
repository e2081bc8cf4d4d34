"""FLOWS: what each message of the client sets in motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from protocol import messages
from server.session import extended_query, function_call, simple_query

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How one kind of message is answered.

    extended: after an error, messages are ignored until Sync. cycle: ReadyForQuery follows. after_error: runs
    even while messages are ignored.
    """

    run: Callable[[Any, Any], Generator[Any, Any, None]]
    extended: bool = True
    cycle: bool = False
    after_error: bool = False


def ignored(session: Any, message: Any) -> Generator[Any, Any, None]:
    """Do nothing."""
    yield from ()


FLOWS: Mapping[type[Any], Flow] = {
    messages.Query: Flow(run=simple_query.query, extended=False, cycle=True, after_error=True),
    messages.Parse: Flow(run=extended_query.parse),
    messages.Bind: Flow(run=extended_query.bind),
    messages.Describe: Flow(run=extended_query.describe),
    messages.Execute: Flow(run=extended_query.execute),
    messages.Close: Flow(run=extended_query.close),
    messages.Flush: Flow(run=extended_query.flush),
    messages.Sync: Flow(run=extended_query.sync, extended=False, cycle=True, after_error=True),
    # Left over from a COPY that failed: its data is still on the way. PostgreSQL ignores it too.
    messages.CopyData: Flow(run=ignored, after_error=True),
    messages.CopyDone: Flow(run=ignored, after_error=True),
    messages.CopyFail: Flow(run=ignored, after_error=True),
    messages.FunctionCall: Flow(
        run=function_call.function_call, extended=False, cycle=True, after_error=True
    ),
}


def flow_of(message: Any) -> Flow:
    """How a message is answered; one with a wrong body in the ways of its kind, as the client waits for those."""
    if type(message) is messages.Malformed:
        return replace(FLOWS[message.kind], run=extended_query.malformed)
    return FLOWS[type(message)]
