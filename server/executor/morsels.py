"""Morsels: parts of an operator's work that several threads do for the one that asks for the result.

Rule 1: nobody waits for a thread that has not begun: a part that no helper is at is done by whoever
        needs its result, and who has to wait for a helper does a part meanwhile. So busy workers
        cost speed only.
Rule 2: results come in the order of the parts, and helpers are a few parts ahead at most.
Rule 3: when the consumer ends, be it by an error, helpers end with the part they are at, and are
        waited for: what they read holds only as long as the consumer's snapshot.
Rule 4: parts read the context and write nothing that another part reads.
Rule 5: the interpreter is one thread's at a time, and passing it on takes longer than work on few rows. So helpers are
        sent away once the consumer has been seen to wait for it again and again.
Rule 6: a cancel request is told once, to whichever thread asks first. What a helper has heard when the consumer ends
        without it is told again.
"""

from __future__ import annotations

import resource
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from server.errors import SqlError
from server.expressions.expression import Subquery, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import Expression
    from server.vector.batch import Batch

    Part = Callable[[], Any]
    Step = Callable[[Batch], Iterable[Batch]]

PARTS_AHEAD: Final = 4
WAIT_SECONDS: Final = 0.02
"""How long to wait for a helper before looking whether the statement is cancelled."""
TRIAL_NS: Final = 1_000_000
WAITS_PER_MS_MAX: Final = 3.5
"""After how much work it is seen, and at how many waits for the interpreter, that one thread is faster than several."""


@dataclass(frozen=True, slots=True)
class Morsels:
    """Parts that each give batches, and what comes after all of them, one after the other."""

    parts: tuple[Callable[[], list[Batch]], ...]
    rest: tuple[Callable[[], Iterable[Batch]], ...] = ()

    def then(self, step: Step, *more: Callable[[], Iterable[Batch]]) -> Morsels:
        """The same with a step over each batch, and more after the rest."""
        return Morsels(
            tuple(_with_step(part, step) for part in self.parts),
            (*(partial(_stepwise, part, step) for part in self.rest), *more),
        )


def _with_step(part: Callable[[], list[Batch]], step: Step) -> Callable[[], list[Batch]]:
    return lambda: [made for batch in part() for made in step(batch) if made.count]


def _stepwise(part: Callable[[], Iterable[Batch]], step: Step) -> Iterator[Batch]:
    """The same as it comes: what is done after all parts may be more than memory can hold."""
    for batch in part():
        for made in step(batch):
            if made.count:
                yield made


def batches_of(morsels: Morsels, context: ExecutionContext) -> Iterator[Batch]:
    """All batches; cancellation is looked for before each."""
    for batches in in_order(morsels.parts, context):
        context.check_cancelled()
        yield from batches
    for part in morsels.rest:
        context.check_cancelled()
        for batch in part():
            context.check_cancelled()
            if batch.count:
                yield batch


def helper_count(context: ExecutionContext) -> int:
    """How many other threads may help."""
    if context.workers is None or context.instruments is not None:
        return 0
    wanted: int = context.settings["max_parallel_workers_per_gather"]
    threads: int = context.workers.thread_count
    return max(0, min(wanted, threads - 1))


def may_run_beside(expressions: Iterable[Expression | None]) -> bool:
    """Whether expressions may be evaluated on several threads at once."""
    for expression in expressions:
        for node in () if expression is None else walk(expression):
            function: Any = getattr(node, "function", None)
            if isinstance(node, Subquery):
                return False
            if function is not None and (
                function.volatility == "v" or (function.needs_context and not function.runs_beside)
            ):
                return False
    return True


def in_order(parts: Sequence[Part], context: ExecutionContext) -> Generator[Any, None, None]:
    """The results of the parts in their order, with whatever help there is."""
    helpers = min(helper_count(context), len(parts) - 1) if len(parts) > 1 else 0
    if helpers <= 0:
        for part in parts:
            yield part()
        return
    line = _Line(parts, context)
    try:
        for number in range(len(parts)):
            line.call(helpers)
            yield line.result(number)
    finally:
        line.stop()


class _Line:
    """Parts in a line; the consumer and its helpers take the next one that nobody has."""

    def __init__(self, parts: Sequence[Part], context: ExecutionContext) -> None:
        self._parts = parts
        self._context = context
        self._changed = threading.Condition()
        self._results: dict[int, tuple[Any, BaseException | None]] = {}
        self._next = 0  # the first part that nobody has taken
        self._end = 0  # up to where helpers may go
        self._called = self._active = 0
        self._started = _work_and_waits()
        self._is_shared = True
        self._cancelled: BaseException | None = None

    def call(self, helpers: int) -> None:
        """Have helpers come, as far as there is something to do for them and they are not here."""
        self._is_shared = self._is_shared and not self._is_fought_over()
        if not self._is_shared:
            return
        with self._changed:
            missing = helpers - self._called
            self._called += missing
        for _ in range(missing):
            self._context.workers.submit(self._help)

    def result(self, number: int) -> Any:
        """The result of a part; the consumer asks for one after the other, and works while it waits."""
        with self._changed:
            ahead = PARTS_AHEAD if self._is_shared else 0
            self._end = min(len(self._parts), number + 1 + ahead)
        while True:
            with self._changed:
                if self._cancelled is not None:
                    self._raise(self._cancelled)
                if number in self._results:
                    result, error = self._results.pop(number)
                    break
                taken = self._next if self._next < self._end else None
                if taken is None:
                    self._changed.wait(WAIT_SECONDS)
                else:
                    self._next += 1
            if taken == number:
                return self._parts[number]()
            self._context.check_cancelled()
            if taken is not None:
                self._results[taken] = outcome = _outcome(self._parts[taken])
                if outcome[1] is not None and _is_cancel(outcome[1]):
                    raise outcome[1]
        if error is not None:
            self._raise(error)
        return result

    def _raise(self, error: BaseException) -> NoReturn:
        """Have the consumer hear of an error."""
        if error is self._cancelled:
            self._cancelled = None
        raise error

    def _is_fought_over(self) -> bool:
        """Whether the consumer has often had to wait for the interpreter since it has help."""
        work_ns, waits = _work_and_waits()
        work_ns, waits = work_ns - self._started[0], waits - self._started[1]
        return work_ns > TRIAL_NS and waits > WAITS_PER_MS_MAX * work_ns / 1_000_000

    def stop(self) -> None:
        """Let no helper begin another part, and wait for those that are at one."""
        with self._changed:
            self._end = 0
            while self._active:
                self._changed.wait()
        if self._cancelled is not None:
            self._context.cancel_again(self._cancelled)

    def _help(self) -> None:
        while True:
            with self._changed:
                number = self._next
                if number >= self._end:
                    self._called -= 1
                    return
                self._next += 1
                self._active += 1
            outcome = _outcome(self._parts[number])
            with self._changed:
                self._results[number] = outcome
                if outcome[1] is not None and _is_cancel(outcome[1]):
                    self._cancelled = outcome[1]
                self._active -= 1
                self._changed.notify_all()


def _is_cancel(error: BaseException) -> bool:
    """Whether it ends the statement whatever parts before have to say: a cancel request is told once."""
    return isinstance(error, SqlError) and error.is_intervention


def _work_and_waits() -> tuple[int, int]:
    """How long this thread has worked, in nanoseconds, and how often it has waited for something."""
    return time.thread_time_ns(), resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def _outcome(part: Part) -> tuple[Any, BaseException | None]:
    """What a part gives, or the error that is raised again where its result is asked for."""
    try:
        return part(), None
    except BaseException as error:  # noqa: BLE001 - raised again by _Line.result
        return None, error
