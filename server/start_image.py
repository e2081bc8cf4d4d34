"""The start image: the code of the modules that a start imports, and programs of regular expressions, in one file.

A start imports more than a thousand modules. Half of the time of that went into finding and reading as many files,
and into compiling two hundred regular expressions anew. The image is mapped, and code is unmarshalled where it lies.

    index length | marshalled index: what the image holds for, modules, patterns | code | code | ...

Rule 1: the image is a cache like those in __pycache__, where it lies. Without one a start is slower, no more.
Rule 2: a module is taken from it if its source is as it was (time of change and size, as Python asks it of compiled
        files), and its directory has the same names: something may have come that goes before the source.
Rule 3: an image is written whole, durable and then renamed: nobody ever maps a part of one.
Rule 4: it holds for one interpreter, one search path and one way of compiling; any other start writes its own.
"""

from __future__ import annotations

import importlib.util
import marshal
import mmap
import os
import re
import sys
import zlib
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType, ModuleType

    Stamp = tuple[int, int]
    """When something was changed last, and its size."""
    Entry = tuple[str, str | None, bool, Stamp, int, int]
    """Of a module: its source, its compiled file, whether it is a package, the stamp, where its code is."""
    Program = tuple[int, list[int], int, dict[str, int], tuple[str | None, ...]]
    """Of a pattern: the arguments that the interpreter's matcher is made of."""
    Pattern = tuple[str | bytes, int]

matcher: Final[Any] = import_module("_sre")
_LENGTH_BYTES: Final = 8
_STALE: Final = (-1, -1)


class StartImage:
    """What one start takes from the image, and what it would write into a new one."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._start = 0
        self._modules: dict[str, Entry] = {}
        self._programs: dict[Pattern, Program] = {}
        self._directories: dict[str, int] = {}
        self._is_current: dict[str, bool] = {}
        self._compile: Callable[[str | bytes, int], re.Pattern[Any]] | None = None
        self._patterns: set[Pattern] = set()
        self._is_complete = self._read()

    def install(self) -> None:
        """Take modules and patterns from the image from now on."""
        sys.meta_path.insert(0, self)
        compiler = getattr(re, "_compiler", None)
        if compiler is not None and hasattr(compiler, "_code") and hasattr(re, "_parser"):
            self._compile = compiler.compile
            compiler.compile = self._pattern

    def remove(self) -> None:
        """Let later imports go their ordinary way; write a new image if this one was not whole."""
        sys.meta_path.remove(self)
        if self._compile is not None:
            re._compiler.compile = self._compile  # type: ignore[attr-defined]
        is_known = all(name in self._modules for name, _ in _compiled_modules())
        if not (self._is_complete and is_known) and not sys.dont_write_bytecode:
            with suppress(OSError):
                self._write()
        if self._map is not None:
            self._map.close()  # what was read of it would count as this process's memory
            self._map = None

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if the image has it as it is (importlib's finders are asked so)."""
        entry = self._modules.get(name)
        if entry is None:
            return None
        source, compiled, is_package, stamp, _, _ = entry
        if _stamp(source) != stamp or not self._is_directory_current(os.path.dirname(source)):
            self._is_complete = False
            return None
        spec = ModuleSpec(name, _Loader(name, source, self), origin=source, is_package=is_package)
        if is_package and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(source))
        spec.has_location = True
        spec.cached = compiled
        return spec

    def code(self, name: str) -> CodeType | None:
        """The code of a module that `find_spec` has found; None when the start is over."""
        if self._map is None:
            return None
        *_, begin, length = self._modules[name]
        with memoryview(self._map)[self._start :] as view:
            code: CodeType = marshal.loads(view[begin : begin + length])  # noqa: S302
        return code

    def _is_directory_current(self, directory: str) -> bool:
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

    def _read(self) -> bool:
        """Map the image; whether there is one for this start."""
        try:
            with open(self._path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except (OSError, ValueError):
            return False
        self._start = _LENGTH_BYTES + int.from_bytes(self._map[:_LENGTH_BYTES], "little")
        try:
            index = marshal.loads(self._map[_LENGTH_BYTES : self._start])  # noqa: S302
            holds_for, bases, modules, programs, directories = index
        except (ValueError, EOFError, TypeError):
            return False
        if holds_for != _holds_for(bases):
            return False
        self._modules, self._programs, self._directories = modules, programs, directories
        return True

    def _write(self) -> None:
        modules: dict[str, Entry] = {}
        pieces: list[bytes] = []
        begin = 0
        for name, spec in _compiled_modules():
            code = marshal.dumps(spec.loader.get_code(name))
            source = spec.loader.path
            is_package = spec.submodule_search_locations is not None
            modules[name] = (source, spec.cached, is_package, _stamp(source), begin, len(code))
            pieces.append(code)
            begin += len(code)
        bases = _bases(modules)
        directories = {os.path.dirname(entry[0]) for entry in modules.values()}
        programs = {key: _program(*key) for key in self._patterns}
        names = {directory: _names(directory) for directory in directories}
        index: Any = (_holds_for(bases), bases, modules, programs, names)
        index = marshal.dumps(index)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        _replace(self._path, [len(index).to_bytes(_LENGTH_BYTES, "little"), index, *pieces])


class _Loader(SourceFileLoader):
    """Loads one module from the image; what else one asks a loader comes from the source."""

    def __init__(self, name: str, path: str, image: StartImage) -> None:
        super().__init__(name, path)
        self._image = image

    def get_code(self, fullname: str) -> CodeType | None:
        return self._image.code(fullname) or super().get_code(fullname)


_LOADERS: Final = (SourceFileLoader, _Loader)


def start_image() -> StartImage:
    """The image of the server's start, beside the compiled files of the package."""
    compiled = importlib.util.cache_from_source(__file__)
    return StartImage(os.path.join(os.path.dirname(compiled), "start.image"))


def _replace(path: str, pieces: list[bytes]) -> None:
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
    return sys.version, importlib.util.MAGIC_NUMBER, matcher.MAGIC, sys.flags.optimize, path


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
