"""Trial: a statement whose functions may have to wait, run at once in the hope that none of them does.

A thread of its own costs such a statement more than most bodies do. So it is first run where it stands, behind a mark
in its transaction; when it has to wait after all, takes long, or is about to do what a mark does not take back, it is
undone and begun again on a thread.

Rule 1: what cannot be undone - utility statements, cursors, functions with effects beyond their
        result - ends the trial before it happens. Notices are held back, values of sequences are given again.
Rule 2: all rows are there before the first is passed on, and they are one batch.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar

from server.errors import SqlError
from server.executor.waits import Wait
from server.planner import effects

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.program import Program
    from server.planner.planned import PlannedStatement
    from server.session.session import Session

Found = TypeVar("Found")
TRIAL_NS_MAX: Final = 10_000_000
"""How long a trial may hold up the event loop."""

LOOKS_MIN: Final = 16
"""What has looked at the time less often is small: it only met modules that had to be loaded, or a busy machine."""

LATE_NS_MAX: Final = 50_000_000
"""So much longer it may take then, and no more."""

ENDED_MAX: Final = 8
"""From how many trials on that have ended, each as two that have not, a statement goes to its thread at once."""

PAUSE: Final = 24
"""So often, before it is tried again."""

KNOWN_MAX: Final = 2000
"""Of how many plans a session knows whether they have effects."""


class EndsTrial(BaseException):
    """What runs is to be undone, and begun again on a thread; no body may handle it."""


class Trial:
    """One that is under way."""

    __slots__ = ("_clock", "_end_ns", "_looks_left")

    def __init__(self, session: Session) -> None:
        self._clock = session.clock
        self._end_ns = self._clock.monotonic_ns() + TRIAL_NS_MAX
        self._looks_left = LOOKS_MIN

    def check(self) -> None:
        """Raise EndsTrial when its time is up."""
        self._looks_left -= 1
        late_ns = self._clock.monotonic_ns() - self._end_ns
        if late_ns > (0 if self._looks_left < 0 else LATE_NS_MAX):
            raise EndsTrial


def may_try(session: Session, program: Program, planned: PlannedStatement) -> bool:
    """Whether to try it: not if most trials of it have ended, or it is part of what is tried or runs on a thread.

    Nor if its trial has just ended, which is told once.
    """
    if session.own_thread is not None or session.trial is not None:
        return False
    if session.ended_trial is planned:
        session.ended_trial = None
        return False
    if program.trials_ended > ENDED_MAX:
        program.trials_ended -= 1
        return False
    return not has_effects(session, planned)


def tried(
    session: Session, program: Program, steps: Generator[Wait | Found, None, None]
) -> list[Found] | None:
    """All that a statement gives, run at once; None: it is undone, and has to be run on a thread of its own."""
    transaction, notice_count = session.transaction, len(session.notices)
    mark = transaction.mark_statement()
    session.sequences.begin_trial()
    session.trial = Trial(session)
    try:
        with closing(steps):
            found = _all_of(steps)
    except EndsTrial:
        found = None
    except BaseException:
        session.sequences.end_trial(is_undone=False)
        raise
    finally:
        session.trial = None
    session.sequences.end_trial(is_undone=found is None)
    if found is not None:
        transaction.release_mark(mark)
        program.trials_ended = max(program.trials_ended - 1, 0)
        return found
    transaction.back_to_mark(mark)
    del session.notices[notice_count:]
    program.trials_ended += 2
    if program.trials_ended > ENDED_MAX:
        program.trials_ended = ENDED_MAX + PAUSE
    return None


def _all_of(steps: Iterator[Wait | Found]) -> list[Found]:
    found: list[Found] = []
    try:
        for item in steps:
            if isinstance(item, Wait) or found:
                raise EndsTrial
            found.append(item)
    except SqlError:
        if found:
            raise EndsTrial from None  # the rows before it are to be given
        raise
    return found


def has_effects(session: Session, planned: PlannedStatement) -> bool:
    """Whether a statement calls a function that a mark does not take back."""
    if not planned.volatile:
        return False
    known: dict[PlannedStatement, bool] = session.basis().routines.setdefault("effects", {})
    found = known.get(planned)
    if found is None:
        if len(known) >= KNOWN_MAX:
            known.clear()
        found = known[planned] = effects.has_effects(planned)
    return found
