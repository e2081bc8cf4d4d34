"""The start image: code of the server's modules and of dataclasses, and programs of regular expressions, in one file.

The server has more than a thousand modules. Half of the time of a start went into finding and reading as many files,
and into compiling two hundred regular expressions anew. Code of ours is split: what is not needed to run a module
lies behind it, and waits there (`server/late_code.py`); modules that nobody has asked for by the time that clients
are served are imported beside them.

    index length | marshalled index: what it holds for, modules, patterns, ... | code, bodies | code, bodies | ...

Rule 1: the image is a cache like those in __pycache__, where it lies. Without one a start is slower, no more.
Rule 2: a module is taken from it if its source is as it was (time of change and size, as Python asks it of compiled
        files), and its directory has the same names: something may have come that goes before the source.
Rule 3: an image is written whole, durable and then renamed: nobody ever maps a part of one.
Rule 4: it holds for one interpreter, one search path and one way of compiling; any other start writes its own.
Rule 5: beside it lies a list of the modules that a start has run before its first answers, in order: they are run
        while recovery waits for a disk, and the compiled ones among them are loaded beside the rest of a start
        (`server/libraries.py`). It is advice: what is not in it is run when it is asked for. It goes when sources
        have changed: a start that follows it runs what nobody needs any more, and would say so of itself.
Rule 6: while the server starts, the image is mapped; then what is still wanted of it is read, as what has been
        looked at of a map counts as this process's memory.
"""

from __future__ import annotations

import importlib.util
import marshal
import mmap
import os
import re
import sys
import threading
import zlib
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from server.late_code import LATE, RUNNING, Late, LateModule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from types import CodeType, ModuleType

    from server.late_code import Body, Whole

    Stamp = tuple[int, int]
    """When something was changed last, and its size."""
    Numbers = bytes
    """Functions that a module can give before it has run, and which of its bodies are theirs, marshalled."""
    Entry = tuple[str, str | None, bool, Stamp, Numbers | None, int, int, int]
    """Of a module: its source, its compiled file, whether it is a package, the stamp, functions if it is split, where
    its code begins, its bodies begin and all of it ends."""
    Found = tuple[Entry, int, int, Callable[[], bytes]]
    """What is written of a module: what is known of it, the lengths of its code and its bodies, and both."""
    Program = tuple[int, list[int], int, dict[str, int], tuple[str | None, ...]]
    """Of a pattern: the arguments that the interpreter's matcher is made of."""
    Pattern = tuple[str | bytes, int]

matcher: Final[Any] = import_module("_sre")
OURS: Final = frozenset({"protocol", "server", "storage"})
"""The packages whose modules are split."""
LIST: Final = ".modules"
"""What the name of the list of modules has behind that of the image."""
FORMAT: Final = 9
"""Of the file, and of what splitting a module makes of it: another image is not read."""
NUMBERS: Final = 4
"""Where in an entry it says whether the module is split."""
METHODS_MISSED_MAX: Final = 16
"""So many methods that are called before the first answer may be missing in an image that is as it should be else."""
PATTERNS_MISSED_MAX: Final = 16
"""So many patterns may be missing in an image that is as it should be else."""
MODULES_MISSED_MAX: Final = 16
"""So many modules that are run before the first answer may be missing in the list of them."""
_LENGTH_BYTES: Final = 8
_STALE: Final = (-1, -1)


class StartImage:
    """What one start takes from the image, and what it would write into a new one."""

    def __init__(self, path: str, split: Collection[str] = OURS) -> None:
        self._path = path
        self._split = split
        self._file = -1
        self._map: memoryview | None = None
        self._start = 0
        self._modules: dict[str, Entry] = {}
        self._programs: dict[Pattern, Program] = {}
        self._extensions: dict[str, str] = {}
        self._directories: dict[str, int] = {}
        self._is_current: dict[str, bool] = {}
        self._compile: Callable[[str | bytes, int], re.Pattern[Any]] | None = None
        self._patterns: set[Pattern] = set()
        self._methods: dict[str, CodeType] = {}
        self._called: dict[str, CodeType] = {}
        self._asked: dict[str, None] = {}
        self._is_starting = True
        self._is_ending = False
        self._has_run_all = False
        self._read()

    def install(self) -> None:
        """Take modules and patterns from the image from now on."""
        sys.meta_path.insert(0, self)
        for name, entry in self._modules.items():
            if entry[NUMBERS] is not None and name not in sys.modules and self._holds(entry):
                self._place(name, entry)
        compiler = getattr(re, "_compiler", None)
        if compiler is not None and hasattr(compiler, "_code") and hasattr(re, "_parser"):
            self._compile = compiler.compile
            compiler.compile = self._pattern
        # The standard library writes methods as text: it finds this in front of the function of that name.
        vars(import_module("dataclasses"))["exec"] = self._run_text

    def rest(self) -> Iterator[str]:
        """Run, one by one, modules that nobody has asked for; what there is to write is then written, on a thread."""
        self._is_starting = False
        self._write_asked()
        for name in self._modules:
            if _has_run(name):
                yield name
        self._has_run_all = True
        threading.Thread(target=self.remove).start()

    def libraries(self) -> list[bytes]:
        """Files of compiled modules that the first answer will need, in the order in which an earlier start did."""
        paths = [self._extensions[name] for name in self._listed() if name in self._extensions]
        return [os.fsencode(path) for path in paths if self._has_same_names(os.path.dirname(path))]

    def ahead(self) -> Iterator[str]:
        """Run, one by one, modules that the first answer will need, in the order in which an earlier start did."""
        for name in self._listed():
            if name in self._modules:
                with RUNNING:  # taken before locks of imports, as long as there are other threads
                    has_run = _has_run(name)
                if has_run:
                    yield name

    def end(self) -> None:
        """The process ends. Who has served clients is not held up by an image: a later start writes it."""
        self._is_ending = not self._is_starting
        self.remove()

    def remove(self) -> None:
        """Let later imports go their ordinary way; write a new image if this one is not whole and current."""
        try:
            sys.meta_path.remove(self)
        except ValueError:  # removed before
            return
        if self._compile is not None:
            re._compiler.compile = self._compile  # type: ignore[attr-defined]
        vars(import_module("dataclasses")).pop("exec", None)
        self._map = None
        changed = [name for name, entry in self._modules.items() if not self._holds(entry)]
        for name in changed:
            if self._is_ending:
                return
            with suppress(ImportError):
                import_module(name)
        is_known = all(name in self._modules for name, _ in _compiled_modules())
        is_known = is_known and _extensions().keys() <= self._extensions.keys()
        is_known = is_known and len(self._called.keys() - self._methods) <= METHODS_MISSED_MAX
        is_known = is_known and len(self._patterns - self._programs.keys()) <= PATTERNS_MISSED_MAX
        if (changed or not is_known) and not sys.dont_write_bytecode:
            with suppress(OSError, _Ending):
                self._write()
                if changed or not self._modules:
                    os.unlink(self._path + LIST)

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if the image has it as it is (importlib's finders are asked so)."""
        entry = self._modules.get(name)
        if entry is None:
            return self._extension(name)
        source, compiled, is_package, *_ = entry
        if not self._holds(entry):
            return None
        spec = ModuleSpec(name, _Loader(name, source, self), origin=source, is_package=is_package)
        if is_package and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(source))
        spec.has_location = True
        spec.cached = compiled
        return spec

    def _extension(self, name: str) -> ModuleSpec | None:
        """Where a compiled module is, which the image does not have: only its place."""
        path = self._extensions.get(name)
        if path is None or not self._has_same_names(os.path.dirname(path)):
            return None
        self.note(name)
        spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
        spec.has_location = True
        return spec

    def run(self, module: ModuleType) -> None:
        """Run a module that `find_spec` has found; one that is split waits."""
        name = module.__name__
        _, _, _, _, numbers, begin, bodies_begin, _ = self._modules[name]
        if numbers is None:
            self.note(name)
            exec(self.code(begin, bodies_begin - begin), module.__dict__)  # noqa: S102
        else:
            module.__class__ = LateModule
            Late(module, _Source(self, name, numbers, begin, bodies_begin))

    def note(self, name: str) -> None:
        """A module is about to be run."""
        if self._is_starting:
            self._asked[name] = None

    def _place(self, name: str, entry: Entry) -> None:
        """Have a module that waits where imports look first: finding it would take longer than making it."""
        source, _, is_package, _, numbers, begin, bodies_begin, _ = entry
        assert numbers is not None
        module = LateModule(name)
        parent, _, own_name = name.rpartition(".")
        module.__file__ = source
        module.__package__ = parent
        if is_package:
            module.__package__ = name
            module.__path__ = [os.path.dirname(source)]
            module.__spec__ = self.find_spec(name)
        Late(module, _Source(self, name, numbers, begin, bodies_begin))
        if parent:
            setattr(sys.modules.get(parent) or import_module(parent), own_name, module)
        sys.modules[name] = module

    def code(self, begin: int, length: int) -> Any:
        """Code that lies somewhere in the image, and what was written with it."""
        return marshal.loads(self._bytes(begin, length))  # noqa: S302

    def _bytes(self, begin: int, length: int) -> bytes | memoryview:
        begin += self._start
        mapped = self._map
        if mapped is not None:
            return mapped[begin : begin + length]
        return os.pread(self._file, length, begin)

    def _holds(self, entry: Entry) -> bool:
        """Whether a module is as it was when the image was written."""
        source, stamp = entry[0], entry[3]
        return self._has_same_names(source[: source.rfind(os.sep)]) and _stamp(source) == stamp

    def _has_same_names(self, directory: str) -> bool:
        known = self._is_current.get(directory)
        if known is None:
            known = _names(directory) == self._directories.get(directory)
            self._is_current[directory] = known
        return known

    def _pattern(self, pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
        assert self._compile is not None
        key = (pattern, flags)
        program = self._programs.get(key)
        # Not looked for in the image later on: a text out of a set differs from start to start.
        self._patterns.add(key)
        if program is None:
            return self._compile(pattern, flags)
        found: re.Pattern[Any] = matcher.compile(pattern, *program)
        return found

    def _run_text(self, text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
        """What `exec` does with the text of a method."""
        code = self._methods.get(text)
        if code is None:
            code = compile(text, "<string>", "exec")
        if self._is_starting:
            self._called[text] = code
        exec(code, names, found)  # noqa: S102

    def _read(self) -> None:
        """Open the image, if there is one for this start."""
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            length = int.from_bytes(os.read(self._file, _LENGTH_BYTES), "little")
            if length > os.fstat(self._file).st_size:
                return
            self._map = memoryview(mmap.mmap(self._file, 0, prot=mmap.PROT_READ))
            index = marshal.loads(self._bytes(_LENGTH_BYTES, length))  # noqa: S302
            holds_for, bases, modules, extensions, programs, directories, methods = index
        except (OSError, OverflowError, ValueError, EOFError, TypeError):
            return
        if holds_for == _holds_for(bases):
            self._start = _LENGTH_BYTES + length
            self._modules, self._programs, self._directories = modules, programs, directories
            self._extensions, self._methods = extensions, methods

    def _listed(self) -> list[str]:
        """The modules that earlier starts have run before their first answers."""
        try:
            with open(self._path + LIST, encoding="ascii") as file:
                return file.read().split()
        except (OSError, UnicodeDecodeError):
            return []

    def _write_asked(self) -> None:
        """Have what this start has run as the list, where much of it is news.

        The list is of one start: from several, what one of them needed late could stand before what all need first.
        """
        news = self._asked.keys() - self._listed()
        if len(news) > MODULES_MISSED_MAX and not sys.dont_write_bytecode:
            with suppress(OSError):
                _replace(self._path + LIST, (f"{name}\n".encode() for name in self._asked))

    def _write(self) -> None:
        modules: dict[str, Entry] = {}
        pieces: list[Callable[[], bytes]] = []
        begin = 0
        for name, (entry, code_length, bodies_length, read) in self._found().items():
            bodies_begin = begin + code_length
            modules[name] = (*entry[:5], begin, bodies_begin, bodies_begin + bodies_length)
            pieces.append(read)
            begin = bodies_begin + bodies_length
        bases = _bases(modules)
        extensions = self._extensions | _extensions()
        sources = (entry[0] for entry in modules.values())
        directories = {os.path.dirname(path) for path in (*sources, *extensions.values())}
        patterns = self._patterns if self._has_run_all else self._patterns | self._programs.keys()
        programs = {key: self._programs.get(key) or _program(*key) for key in patterns}
        names = {directory: _names(directory) for directory in directories}
        methods = self._methods | self._called
        index: Any = (_holds_for(bases), bases, modules, extensions, programs, names, methods)
        index = marshal.dumps(index)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        head = len(index).to_bytes(_LENGTH_BYTES, "little") + index
        _replace(self._path, chain([head], (read() for read in pieces)))

    def _found(self) -> dict[str, Found]:
        """What there is to write of each module. What the image has already is read when it is written."""
        found: dict[str, Found] = {}
        for name, entry in self._modules.items():
            if self._holds(entry):
                *_, begin, bodies_begin, end = entry
                read = partial(os.pread, self._file, end - begin, self._start + begin)
                found[name] = entry, bodies_begin - begin, end - bodies_begin, read
        for name, spec in _compiled_modules():
            if self._is_ending:
                raise _Ending
            if name not in found:
                numbers, code, bodies = self._compiled(name, spec)
                source = spec.loader.path
                is_package = spec.submodule_search_locations is not None
                entry = source, spec.cached, is_package, _stamp(source), numbers, 0, 0, 0
                found[name] = entry, len(code), len(bodies), partial(bytes.__add__, code, bodies)
        return found

    def _compiled(self, name: str, spec: Any) -> tuple[Numbers | None, bytes, bytes]:
        """Functions of a module if it is split, its code and its bodies."""
        split = None
        if name.partition(".")[0] in self._split:
            # A start that writes no image has no use for it.
            from server.split_code import split_code

            split = split_code(spec.loader.get_data(spec.loader.path), spec.loader.path)
        if split is None:
            return None, marshal.dumps(spec.loader.get_code(name)), b""
        places, begin = [], 0
        for body, waiting in split.bodies:
            places.append((begin, len(body), waiting))
            begin += len(body)
        code = marshal.dumps((split.code, split.imports, places))
        return marshal.dumps(split.numbers), code, b"".join(body for body, _ in split.bodies)


class _Ending(Exception):
    """The process ends while an image is being made."""


class _Source:
    """What the image has of one module that is split."""

    __slots__ = ("_begin", "_bodies_begin", "_image", "_name", "_numbers")

    def __init__(
        self, image: StartImage, name: str, numbers: Numbers, begin: int, bodies_begin: int
    ) -> None:
        self._image = image
        self._name = name
        self._numbers = numbers
        self._begin = begin
        self._bodies_begin = bodies_begin

    def numbers(self) -> Mapping[str, int]:
        """Functions that can be given before the module has run, and their numbers."""
        found: Mapping[str, int] = marshal.loads(self._numbers)  # noqa: S302
        return found

    def whole(self) -> Whole:
        """The code of the module, and what there is to know of what waits."""
        self._image.note(self._name)
        whole: Whole = self._image.code(self._begin, self._bodies_begin - self._begin)
        return whole

    def body(self, place: Body) -> tuple[CodeType, Sequence[str]]:
        """The code of a function, and names in it that wait."""
        begin, length, waiting = place
        return self._image.code(self._bodies_begin + begin, length), waiting


class _Loader(SourceFileLoader):
    """Loads one module from the image; what else one asks a loader comes from the source."""

    def __init__(self, name: str, path: str, image: StartImage) -> None:
        super().__init__(name, path)
        self._image = image

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        self._image.run(module)


_LOADERS: Final = (SourceFileLoader, _Loader)


def _has_run(name: str) -> bool:
    """Run a module, if it can be and has not been."""
    is_new = name not in sys.modules
    if is_new:
        try:
            import_module(name)
        except ImportError:
            return False
    late = getattr(sys.modules[name], LATE, None)
    return (late is not None and late.run()) or is_new


def start_image() -> StartImage:
    """The image of the server's start, beside the compiled files of the package."""
    compiled = importlib.util.cache_from_source(__file__)
    return StartImage(os.path.join(os.path.dirname(compiled), "start.image"))


def _replace(path: str, pieces: Iterable[bytes]) -> None:
    """Have a durable file of these pieces under a name, or leave the name as it is."""
    new = f"{path}.{os.getpid()}"
    try:
        with open(new, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())  # noqa: TID251 - no data of ours
        os.replace(new, path)
    except OSError:
        if os.path.exists(new):
            os.unlink(new)
        raise


def _holds_for(bases: frozenset[str]) -> tuple[object, ...]:
    """What an image holds for: the interpreter, how it compiles, and where it looks for modules.

    The directory that Python itself puts in front does not matter if nothing came from there.
    """
    path = frozenset(entry for n, entry in enumerate(sys.path) if n or entry in bases)
    return FORMAT, sys.version, importlib.util.MAGIC_NUMBER, matcher.MAGIC, sys.flags.optimize, path


def _bases(modules: dict[str, Entry]) -> frozenset[str]:
    """The directories of the search path that modules came from."""
    bases = set()
    for name, (source, _, is_package, *_) in modules.items():
        if "." not in name:
            directory = os.path.dirname(source)
            bases.add(os.path.dirname(directory) if is_package else directory)
    return frozenset(bases)


def _compiled_modules() -> Iterator[tuple[str, Any]]:
    """All modules there are that were compiled from a source, with what is known of how they came here."""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.name == name and type(spec.loader) in _LOADERS:
            yield name, spec


def _extensions() -> dict[str, str]:
    """The files of all compiled modules there are."""
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    return {
        spec.name: spec.loader.path
        for spec in specs
        if spec is not None and isinstance(spec.loader, ExtensionFileLoader)
    }


def _program(pattern: str | bytes, flags: int) -> Program:
    """What re._compiler.compile hands to the matcher."""
    parsed = re._parser.parse(pattern, flags)  # type: ignore[attr-defined]
    state = parsed.state
    names: list[str | None] = [None] * state.groups
    for name, number in state.groupdict.items():
        names[number] = name
    code = [int(word) for word in re._compiler._code(parsed, flags)]  # type: ignore[attr-defined]
    return int(flags | state.flags), code, state.groups - 1, state.groupdict, tuple(names)


def _stamp(path: str) -> Stamp:
    """The stamp of a file; one of its own for what is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return _STALE
    return int(found.st_mtime), found.st_size


def _names(directory: str) -> int:
    """A number for the names in a directory; one of its own for what is not there."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return -1
    return zlib.crc32("\0".join(name for name in names if name != "__pycache__").encode())
