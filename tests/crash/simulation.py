"""A seed of the crash simulation: random changes, power cuts, recoveries, a model beside them.

Goal: after any crash the store equals the model after some change k, and k is not before the last
change whose commit was acknowledged. Every change writes its number to the root page, so k is known
and every byte of every run can be compared: a change that is there in part shows.

Method: a life of the store is a random sequence of changes, flushes, slices of checkpoints and
write-backs. It ends by a power cut at a random operation of the disk, by an I/O error (the store
stops by itself), or by being killed. Recovery gets its own power cuts.

Beside the model are unlogged runs, changed on their own and together with others: a stop in order keeps them to the
byte, anything else gives back all their pages.
"""

import random
from dataclasses import dataclass, field, replace

from storage.errors import Corruption, DiskFull, Failed, StorageError
from storage.options import Options, Protocol
from storage.pages import ROOT_PAGE
from storage.store import Hooks, Store
from tests.crash.disk import CrashingFiles, Faults, PowerCut

PAGE_BYTES = 1024
RUNS_MAX = 8
UNLOGGED_MAX = 4
OPTIONS = Options(
    page_bytes=PAGE_BYTES,
    page_segment_bytes=32 * PAGE_BYTES,
    wal_segment_bytes=8192,
    max_wal_size=65536,
    wal_buffer_bytes=16384,
    dirty_bytes_max=8 * PAGE_BYTES,
    store_bytes_max=256 * PAGE_BYTES,
    growth_bytes_min=8 * PAGE_BYTES,
    free_bytes_kept=0,
    slice_pages=2,
    slices_per_sync=3,
    threads=False,
)

State = dict[int, bytes]


class BadSeed(Exception):
    """The store lost something, or made something up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a simulation is made of; the defaults are the real protocol."""

    protocol: Protocol = field(default_factory=Protocol)
    lives: int = 4
    actions: int = 30
    error_rate: float = 0.0
    disk_full: bool = True
    honest_copies: bool = True


class Simulation:
    """The store under test, its disk and its model."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.random = random.Random(seed)
        self.plan = plan
        self.options = _options(plan.protocol)
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        self.states: list[State] = [{}]
        """The model after each change."""
        self.acknowledged = 0
        self.unlogged: State = {}
        self.unflushed_lsn = 0
        self.checkpoint_open = False
        self.store: Store | None = None

    def run(self) -> None:
        """Lives and dies as often as planned; raises BadSeed."""
        self._create()
        for _ in range(self.plan.lives):
            self._live()
            self._recover()
            self._compare()

    # A life ----------------------------------------------------------------------------------

    def _create(self) -> None:
        if self.random.random() < 0.2:
            self.faults.operations_left = self.random.randrange(1, 40)
        while self.store is None:
            try:
                self.store = Store.create(
                    self.files, self.options, store_id=4711, hooks=self._hooks()
                )
            except PowerCut:
                self.files.lose_power()
                if self.files.exists("RUSTYDB_VERSION"):
                    self.store = Store.open(self.files, self.options, hooks=self._hooks())
        self.faults.operations_left = 1 << 60

    def _live(self) -> None:
        self.checkpoint_open = False
        self.unflushed_lsn = 0
        self.faults.operations_left = self.random.choice((30, 100, 200))
        self.faults.operations_left = self.random.randrange(1, self.faults.operations_left)
        self.faults.error_rate = self.plan.error_rate
        actions = self.random.choices(_ACTIONS, _WEIGHTS, k=self.plan.actions)
        try:
            for action in actions:
                try:
                    action(self)
                except DiskFull:
                    if not (self.faults.full or self.faults.error_rate):  # as a sync may say
                        raise
            self._maybe_close()
        except (PowerCut, Failed):
            return
        except Corruption as error:
            raise BadSeed(f"while running: {error}") from error

    def _maybe_close(self) -> None:
        """Ends a life in order, unless a checkpoint is half way."""
        assert self.store is not None
        if self.checkpoint_open or self.random.random() < 0.5:
            return
        self.faults.full = False
        self.store.close(fast=self.random.random() < 0.5)
        self.acknowledged = len(self.states) - 1

    def _change(self) -> None:
        """One random change, of several runs."""
        store = self.store
        assert store is not None
        chance = self.random
        state, unlogged = dict(self.states[-1]), dict(self.unlogged)
        number = len(self.states)
        with store.pager.begin_change(number) as change:
            for _ in range(chance.randrange(1, 4)):
                chance.choice(_STEPS)(self, change, state)
            if chance.random() < 0.2:
                chance.choice(_UNLOGGED_STEPS)(self, change, unlogged)
            change.write_u64(ROOT_PAGE * PAGE_BYTES, number)
            if chance.random() < 0.1:
                return
            lsn = change.commit()
        self.states.append(state)
        self.unlogged = unlogged
        self.unflushed_lsn = lsn
        if chance.random() < 0.5:
            self._flush()

    def _change_unlogged(self) -> None:
        """A change that the log knows nothing of, but for the pages that it takes or gives up."""
        assert self.store is not None
        unlogged = dict(self.unlogged)
        with self.store.pager.begin_change(0) as change:
            for _ in range(self.random.randrange(1, 4)):
                self.random.choice(_UNLOGGED_STEPS)(self, change, unlogged)
            if self.random.random() < 0.1:
                return
            change.commit()
        self.unlogged = unlogged
        self._compare_unlogged()

    def _flush(self) -> None:
        assert self.store is not None
        count = len(self.states) - 1
        self.store.wal.flush_to(self.unflushed_lsn).wait()
        self.acknowledged = count

    def _checkpoint(self) -> None:
        """Begins a checkpoint or takes it a step further."""
        store = self.store
        assert store is not None
        if not self.checkpoint_open:
            if not store.write_back.busy.acquire(blocking=False):
                return
            store.checkpointer.begin()
            self.checkpoint_open = True
        for _ in range(self.random.randrange(1, 6)):
            if store.checkpointer.step():
                store.write_back.busy.release()
                self.checkpoint_open = False
                break

    def _write_back(self) -> None:
        store = self.store
        assert store is not None
        if store.write_back.busy.acquire(blocking=False):
            store.write_back.round(self.random.randrange(1, 6))
            store.write_back.busy.release()

    def _prepare(self) -> None:
        assert self.store is not None
        self.store.wal.prepare_ahead()
        self.store.pager.grow_ahead()

    def _toggle_full(self) -> None:
        self.faults.full = self.plan.disk_full and not self.faults.full

    # Steps of a change -----------------------------------------------------------------------

    def _allocate(self, change, state: State) -> None:
        if len(state) >= RUNS_MAX:
            return
        assert self.store is not None
        count = self.random.choice((1, 1, 2, 3, 6))
        first = self.store.pager.allocate(change, count)
        state[first] = bytes(count * PAGE_BYTES)
        self._scribble(change, state, first)

    def _allocate_unlogged(self, change, state: State) -> None:
        if len(state) >= UNLOGGED_MAX:
            return
        assert self.store is not None
        count = self.random.choice((1, 1, 2, 3))
        first = self.store.pager.allocate(change, count, is_logged=False)
        state[first] = bytes(count * PAGE_BYTES)
        self._scribble(change, state, first)

    def _release_unlogged(self, change, state: State) -> None:
        run = self._pick(state)
        if run is not None and run in self.unlogged:
            assert self.store is not None
            self.store.pager.release(change, run, len(state.pop(run)) // PAGE_BYTES)

    def _release(self, change, state: State) -> None:
        run = self._pick(state)
        if run is None or run not in self.states[-1] or len(state) < RUNS_MAX // 2:
            return
        assert self.store is not None
        self.store.pager.release(change, run, len(state.pop(run)) // PAGE_BYTES)

    def _write(self, change, state: State) -> None:
        run = self._pick(state)
        if run is not None:
            self._scribble(change, state, run)

    def _copy(self, change, state: State) -> None:
        source, target = self._pick(state), self._pick(state)
        if source is None or target is None or source == target:
            return
        count = self.random.randrange(1, min(len(state[source]), len(state[target])) + 1)
        start = self.random.randrange(len(state[source]) - count + 1)
        place = self.random.randrange(len(state[target]) - count + 1)
        change.copy(
            source * PAGE_BYTES + start,
            target * PAGE_BYTES + place,
            count,
            not self.plan.honest_copies,
        )
        content = bytearray(state[target])
        content[place : place + count] = state[source][start : start + count]
        state[target] = bytes(content)

    def _move(self, change, state: State) -> None:
        """Moves a run to a larger one and gives the old one up, as growing row groups do."""
        source = self._pick(state)
        if source is None or source not in self.states[-1]:
            return
        assert self.store is not None
        pages = len(state[source]) // PAGE_BYTES
        if pages > 6:
            return
        target = self.store.pager.allocate(change, pages + 1)
        change.copy(
            source * PAGE_BYTES, target * PAGE_BYTES, pages * PAGE_BYTES, source_released=True
        )
        self.store.pager.release(change, source, pages)
        state[target] = state.pop(source) + bytes(PAGE_BYTES)

    def _scribble(self, change, state: State, run: int) -> None:
        chance = self.random
        content = bytearray(state[run])
        count = chance.choice((8, 20, 100, 1500))
        count = min(count, len(content))
        start = chance.randrange(0, len(content) - count + 1)
        address = run * PAGE_BYTES + start
        if count == 8:
            value = chance.getrandbits(64)
            change.write_u64(address, value)
            content[start : start + 8] = value.to_bytes(8, "little")
        elif chance.random() < 0.2:
            byte = chance.randrange(256)
            change.fill(address, byte, count)
            content[start : start + count] = bytes([byte]) * count
        else:
            data = chance.randbytes(count)
            change.write(address, data)
            content[start : start + count] = data
        state[run] = bytes(content)

    def _pick(self, state: State) -> int | None:
        return self.random.choice(sorted(state)) if state else None

    # Death and after -------------------------------------------------------------------------

    def _recover(self) -> None:
        """Switches on again until recovery comes through."""
        self._die()
        attempts = self.random.choice((0, 0, 1, 2))
        while True:
            if attempts:
                attempts -= 1
                self.faults.operations_left = self.random.randrange(1, 60)
                self.faults.error_rate = self.plan.error_rate
                self.faults.full = self.plan.disk_full and self.random.random() < 0.3
            try:
                self.store = Store.open(self.files, self.options, hooks=self._hooks())
                if len(self.states) % 2:  # else the next life may end before there was a checkpoint
                    self.store.checkpoint()
            except (PowerCut, Failed):
                self._die()
                continue
            except DiskFull:
                self.faults.full = False
                self._die()
                continue
            except (Corruption, OSError, AssertionError) as error:
                raise BadSeed(f"recovery failed: {error!r}") from error
            self.faults.operations_left = 1 << 60
            self.faults.error_rate = 0.0
            return

    def _die(self) -> None:
        if self.random.random() < 0.8:
            self.files.lose_power()
        else:
            self.files.restart()

    def _compare(self) -> None:
        """Finds the state the store recovered to, and compares it all."""
        assert self.store is not None
        pager = self.store.pager
        try:
            number = int.from_bytes(pager.view(ROOT_PAGE, 1)[:8].tobytes(), "little")
            if not self.acknowledged <= number < len(self.states):
                raise BadSeed(
                    f"recovered to {number}, acknowledged {self.acknowledged}"
                    f" of {len(self.states) - 1}"
                )
            if not self.store.was_stopped:
                pager.release_unlogged()
                self.unlogged = {}
            self._compare_unlogged()
            state = self.states[number]
            for run, content in state.items():
                found = pager.view(run, len(content) // PAGE_BYTES)
                if found.tobytes() != content:
                    raise BadSeed(f"run {run} differs after change {number}")
            used = {
                page for first, count in pager.used_runs() for page in range(first, first + count)
            }
        except Corruption as error:
            raise BadSeed(f"after recovery: {error}") from error
        wanted = {0, 1, ROOT_PAGE, *pager.unlogged.pages()} | {
            run + index
            for run, content in (*state.items(), *self.unlogged.items())
            for index in range(len(content) // PAGE_BYTES)
        }
        if used != wanted:
            raise BadSeed(f"space map differs: {sorted(used ^ wanted)}")
        del self.states[number + 1 :]
        self.acknowledged = number

    def _compare_unlogged(self) -> None:
        assert self.store is not None
        for run, content in self.unlogged.items():
            found = self.store.pager.view(run, len(content) // PAGE_BYTES)
            if found.tobytes() != content:
                raise BadSeed(f"unlogged run {run} differs")

    def _hooks(self) -> Hooks:
        return Hooks(panic=self._panic)

    def _panic(self, _error: BaseException) -> None:
        def refuse() -> None:
            raise BadSeed("written after the failure")

        if self.plan.protocol.fail_stop:
            self.faults.on_write = refuse


def _options(protocol: Protocol) -> Options:
    return replace(OPTIONS, protocol=protocol)


_ACTIONS = (
    Simulation._change,
    Simulation._change_unlogged,
    Simulation._flush,
    Simulation._checkpoint,
    Simulation._write_back,
    Simulation._prepare,
    Simulation._toggle_full,
)
_WEIGHTS = (60, 10, 5, 20, 10, 5, 3)
_STEPS = (
    Simulation._write,
    Simulation._write,
    Simulation._allocate,
    Simulation._release,
    Simulation._copy,
    Simulation._move,
)
_UNLOGGED_STEPS = (
    Simulation._write,
    Simulation._write,
    Simulation._allocate_unlogged,
    Simulation._release_unlogged,
    Simulation._copy,
)


def run_seed(seed: int, plan: Plan | None = None) -> str | None:
    """None when the seed is good, else what went wrong."""
    try:
        Simulation(seed, plan or Plan()).run()
    except (BadSeed, StorageError) as error:
        return str(error)
    return None
