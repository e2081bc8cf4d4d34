"""The composition root: opens storage, loads the catalog, listens, and stops as the signal says.

SIGTERM   smart: accept nobody, wait for the clients to go, close cleanly
SIGINT    fast: send the clients away, close cleanly
SIGQUIT   immediate: stop at once; the next start recovers
SIGHUP    reload rustydb.toml and pg_hba.conf
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

import uvloop

from protocol.scram import SALT_BYTES, ScramVerifier
from server.catalog.builtin import BUILTIN
from server.catalog.catalog import CATALOG_RELATION
from server.config import BY_NAME, ServerSettings
from server.database import Database, initialise
from server.descriptors import raise_limit
from server.directory_check import directory_problems
from server.errors import SqlError
from server.features import FEATURES
from server.login_rules import TRUST_LOCAL, HbaError, Rule, parse_rules
from server.net.listener import Listener
from server.net.listening import all_sockets
from server.net.porter import Porter
from server.net.remainder import Remainder
from server.net.services import Services
from server.options import OptionError, Options, parse_options, read_file
from server.session.temporary import drop_schemas
from storage.engine import Engine, is_initialised
from storage.engine import Options as StorageOptions
from storage.errors import NoSuchRelation, StorageError
from storage.files import RealFiles

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOG = logging.getLogger("server")

HBA_FILE = "pg_hba.conf"
HBA_WITH_PASSWORDS = """\
# TYPE  DATABASE  USER  ADDRESS         METHOD
local   all       all                   trust
host    all       all   127.0.0.1/32    trust
host    all       all   ::1/128         trust
host    all       all   all             scram-sha-256
"""
EXIT_USAGE, EXIT_FAILURE = 2, 1
RECURSION_MAX = 20_000
PROGRESS_SECONDS = 5.0
THREAD_STACK_BYTES = 256 << 20
SWITCH_SECONDS = 0.0005  # the event loop's turn comes soon even beside busy threads
GC_OBJECTS = 20_000
"""So many new objects are waited for before cycles are looked for: plans are made of many and have none."""
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8
MALLOC_KEEP_BYTES = 1 << 30


def main(
    arguments: Sequence[str] | None = None,
    left: Iterable[object] = (),
    ahead: Iterable[object] = (),
) -> int:
    """Run the server; gives the exit code.

    What the start has left is done, bit by bit, beside the clients; what it needs later, ahead, as it waits for disks.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        options = parse_options(sys.argv[1:] if arguments is None else arguments, os.environ)
        if options.check:
            return _check(options)
        return _serve(options, left, ahead)
    except (OptionError, HbaError, StorageError, SqlError, OSError) as error:
        sys.stderr.write(f"rustydb: {_said(error)}\n")
        return EXIT_USAGE if isinstance(error, OptionError) else EXIT_FAILURE
    except KeyboardInterrupt:  # nobody is in yet, and recovery can be done again
        _LOG.info("received fast shutdown request while starting")
        return EXIT_FAILURE


def _said(error: Exception) -> str:
    """What is wrong, in words; of a file also which."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return f'could not access "{error.filename}": {error.strerror}'
    return str(error)


def _check(options: Options) -> int:
    """Rustydb check DIR: prove a stopped directory consistent."""
    engine = Engine.open(RealFiles(options.data))
    code = 0
    try:
        for problem in directory_problems(engine, ServerSettings(options.settings)):
            sys.stdout.write(f"{problem}\n")
            code = EXIT_FAILURE
    finally:
        engine.close()
    return code


def _serve(options: Options, left: Iterable[object], ahead: Iterable[object]) -> int:
    settings = ServerSettings(options.settings)
    gate = Gate(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    engine = open_engine(options, settings, gate, ahead)
    if options.init_only:
        engine.close()
        return 0
    with ExitStack() as unserved:  # what cannot be read leaves a directory that was shut down
        unserved.callback(engine.close)
        rules, secret = read_hba(options.data), _secret(options.data)
        unserved.pop_all()
    # Deep expressions are refused by depth, before the interpreter's own limit or the C stack are reached.
    sys.setrecursionlimit(RECURSION_MAX)
    threading.stack_size(THREAD_STACK_BYTES)
    raise_limit()
    database = Database(
        engine,
        settings,
        hba=rules,
        mock_secret=secret,
        features=FEATURES,
    )
    for oid in database.catalog.views:
        drop_schemas(engine, database.catalog, oid)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_listen(database, options, gate, left))
    finally:
        database.close()
        _LOG.info("database system is shut down")


def open_engine(
    options: Options, settings: ServerSettings, gate: Gate, ahead: Iterable[object] = ()
) -> Engine:
    """Open the data directory, or make a new one; while disks are waited for, steps are taken ahead."""
    storage = StorageOptions(
        checkpoint_timeout_seconds=settings.integer("checkpoint_timeout"),
        max_wal_size=settings.integer("max_wal_size") << 20,
        dirty_bytes_max=settings.integer("shared_buffers") * 8192,
        decoded_bytes_max=settings.integer("decoded_bytes_max"),
    )
    files = RealFiles(options.data)
    if not is_initialised(files):  # storage refuses a directory with anything else in it
        return _create(options, storage)
    with files.meanwhile(ahead):
        engine = Engine.open(files, storage, panic=_panic, progress=RecoveryProgress(gate))
    try:
        engine.relation(CATALOG_RELATION)
    except NoSuchRelation:  # the process that made the directory was killed before it was done
        _initialise(engine, options)
    return engine


class Gate:
    """The server's sockets: with somebody at them while it recovers, and ready for the one who lets clients in."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._sockets: tuple[list[socket.socket], Path | None] | None = None
        self._porter: Porter | None = None
        self._is_guarded = False

    def guard(self) -> None:
        """Send clients away from now on. The directory is ours: nobody else's socket is taken from him.

        Sockets that are not to be had are no reason to stop recovering: `open` says what is wrong with them.
        """
        if self._is_guarded:
            return
        self._is_guarded = True
        try:
            self._sockets = all_sockets(self._settings)
        except OSError:
            return
        self._porter = Porter(self._sockets[0])

    def open(self) -> tuple[list[socket.socket], Path | None]:
        """The sockets, where nobody is sent away any more."""
        if self._porter is not None:
            self._porter.leave()
        return self._sockets or all_sockets(self._settings)


class RecoveryProgress:
    """Says in the log how far recovery is, every few seconds; what there is to redo is reason to guard the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._said_s = time.monotonic()

    def __call__(self, done_count: int, total_count: int) -> None:
        """Take note of progress."""
        self._gate.guard()
        now_s = time.monotonic()
        if now_s - self._said_s >= PROGRESS_SECONDS:
            self._said_s = now_s
            _LOG.info("recovery: %d of %d records of WAL redone", done_count, total_count)


def _create(options: Options, storage: StorageOptions) -> Engine:
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = Engine.create(RealFiles(options.data), storage, panic=_panic)
    _initialise(engine, options)
    _LOG.info("created the data directory %s", options.data)
    return engine


def _initialise(engine: Engine, options: Options) -> None:
    verifier = None
    hba = options.data / HBA_FILE
    if options.password_file is not None:
        password = options.password_file.read_text("utf-8").rstrip("\n")
        verifier = str(ScramVerifier.from_password(password, salt=os.urandom(SALT_BYTES)))
    # The catalog comes last: what a killed process left without one is completed at the next start.
    if not hba.exists():
        new = options.data / f"{HBA_FILE}.new"
        new.touch(mode=0o600)
        new.write_text(HBA_WITH_PASSWORDS if verifier else TRUST_LOCAL)
        new.rename(hba)
    initialise(engine, options.superuser, verifier)


def read_hba(data: Path) -> tuple[Rule, ...]:
    """The login rules of a data directory; HbaError names the file."""
    path = data / HBA_FILE
    try:
        return parse_rules(path.read_text("utf-8"))
    except HbaError as error:
        raise HbaError(f'"{path}", {error}') from error
    except UnicodeDecodeError as error:
        raise HbaError(f'"{path}" is no text in UTF-8') from error


def _secret(data: Path) -> bytes:
    """What mock verifiers of unknown users are made of: the same at every start."""
    path = data / "scram_secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(os.urandom(32))
    return path.read_bytes()


def _panic(error: BaseException) -> None:
    """Storage cannot write any more: nothing may be answered that is not durable, so stop at once."""
    _LOG.critical("storage has failed, stopping: %s", error)
    logging.shutdown()
    os._exit(EXIT_FAILURE)


def tune_memory() -> None:
    """Large temporaries are used again instead of being given back to the system and taken anew.

    From one heap, as those of the threads are too small for the largest. It is the whole process that is tuned, so
    who starts it asks: a store in memory, which counts on fresh pages being zeros, would write all of its own.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(M_ARENA_MAX, 1)
    libc.mallopt(M_MMAP_THRESHOLD, MALLOC_KEEP_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES)
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])


async def _listen(database: Database, options: Options, gate: Gate, left: Iterable[object]) -> int:
    loop = asyncio.get_running_loop()
    listener = Listener(database, loop)
    stopping: asyncio.Queue[bool] = asyncio.Queue()
    loop.add_signal_handler(signal.SIGTERM, stopping.put_nowait, False)
    loop.add_signal_handler(signal.SIGINT, stopping.put_nowait, True)
    loop.add_signal_handler(signal.SIGQUIT, _stop_at_once)
    loop.add_signal_handler(signal.SIGHUP, reload, database, options)
    sockets = listener.sockets
    descriptor, finish_flush = database.engine.hand_over_flushes(
        sockets.call_soon, loop.call_soon, loop.call_later
    )
    sockets.watch(descriptor, finish_flush)
    listener.start(*gate.open())
    services = Services(database, loop, listener.next_pid)
    remainder = Remainder(loop, chain(left, BUILTIN.tables()))
    settings = database.settings
    _LOG.info(
        "listening on %s, port %d", settings.text("listen_addresses"), settings.integer("port")
    )
    fast = await stopping.get()
    _LOG.info("received %s shutdown request", "fast" if fast else "smart")
    remainder.stop()
    drained = loop.create_task(listener.drain(fast=fast))
    await services.stop()
    while not drained.done():
        again = loop.create_task(stopping.get())
        await asyncio.wait({drained, again}, return_when=asyncio.FIRST_COMPLETED)
        if again.done() and again.result():
            listener.send_away()
        again.cancel()
    sockets.unwatch(descriptor)
    database.engine.take_back_flushes()
    return 0


def _stop_at_once() -> None:
    _LOG.info("received immediate shutdown request")
    logging.shutdown()
    os._exit(EXIT_FAILURE)


def reload(database: Database, options: Options) -> None:
    """SIGHUP: read rustydb.toml and pg_hba.conf again; what is wrong is logged and changes nothing."""
    try:
        rules = read_hba(options.data)
        values = read_file(options.config_file) if options.config_file.exists() else {}
    except (HbaError, OptionError, OSError) as error:
        _LOG.error("reload: %s", error)
        return
    database.hba = rules
    for name, (text, source) in values.items():
        setting = BY_NAME[name.lower()]
        if setting.context in ("sighup", "superuser", "user") and options.settings.get(name, ("", ""))[1] in (
            "", "configuration file",
        ):  # fmt: skip
            database.settings.assign(name, text, source)
    for session in database.sessions.values():
        session.settings.refresh()
    _LOG.info("configuration reloaded")


if __name__ == "__main__":
    sys.exit(main())
