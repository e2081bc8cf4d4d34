"""What a start does not need of other people's packages: it is left for the first who asks, or left out.

`import sqlglot.expressions` runs `sqlglot/__init__.py` first, which loads a parser and a generator for a
dialect that a start needs none of; so does `postgast`. Such a package is made without running its code.

Rule 1: what a package's code would have defined is there when somebody asks for it: then the code is run after all.
Rule 2: only for a process that is a server from its first line: who has imported something already keeps it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import GenericAlias, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from server.late_code import RUNNING
from server.message_names import MessageNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "postgast": {},
    "sqlglot": {"exp": "sqlglot.expressions", "expressions": "sqlglot.expressions"},
}
"""Packages that wait, and the names in them that stand for modules, which are given without running the package."""
SHELVES: Final[Mapping[str, Sequence[str]]] = {
    "sqlglot.expressions": (
        "core", "functions", "datatypes", "constraints", "properties", "query", "ddl", "dml", "math", "string",
        "temporal", "aggregate", "array", "json", "builders",
    ),
    "numpy": ("_globals", "_core"),
}  # fmt: skip
"""Packages that wait and are made of their modules' names: the modules, in the order in which a name is looked for."""
NAMES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "numpy": {"_core.multiarray": ("bincount", "packbits", "unpackbits")},
}
"""Further names that modules of such packages give, which have others that the package means otherwise."""
ALIASES: Final = ("numpy.typing", "numpy._typing")
"""Modules that are asked for NDArray, which nothing is ever done with: NDArray[...] is said to be there, no more."""
LATER: Final = ("ctypes.util", "lxml.etree", "pickle", "tempfile", "tomllib")
"""Modules that run when something in them is first used."""
MESSAGES: Final = ("postgast.pg_query_pb2",)
"""Modules that do nothing but make the messages of a description."""
LATE_CLASSES: Final[Mapping[str, str]] = {"sqlglot.tokenizer_core": "Token"}
"""Modules that wait, and a class in them that others import: what stands for it has them run when it is used."""
WITHOUT: Final[Mapping[str, str]] = {"google.protobuf.internal.well_known_types": "WKTBASES"}
"""Modules that wait, and a mapping in them that has nothing for us: ours are none of protobuf's own messages."""
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "1")
"""Nothing here multiplies matrices; threads for it would spin, waiting for the first, while the server starts."""
LEFT_OUT: Final = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
"""Modules that do nothing but give others their documentation."""


class _Package(ModuleType):
    """A package that has not run."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if spec is None or spec.loader is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        begun = sys.modules.get(f"{spec.name}.{name}")
        if begun is not None and getattr(begun.__spec__, "_initializing", False):
            return begun  # is being imported, and its parts ask for it
        known = PACKAGES.get(spec.name, {}).get(name)
        if known is not None:
            return importlib.import_module(known)
        with RUNNING:
            _run(self)
        if self.__class__ is not ModuleType:  # asked by what it runs itself
            raise AttributeError(name)
        return getattr(self, name)


class _Shelf(_Package):
    """A package that has not run and gives names of its modules, of which as few are imported as it takes."""

    def __getattr__(self, name: str) -> object:
        modules = SHELVES[self.__name__]
        for module, names in NAMES.get(self.__name__, {}).items():
            if name in names:
                return getattr(importlib.import_module(f"{self.__name__}.{module}"), name)
        if not name.startswith("__") and name not in modules:
            for each in modules:
                found = vars(importlib.import_module(f"{self.__name__}.{each}"))
                if name in found and not isinstance(found[name], ModuleType):
                    self.__dict__[name] = found[name]
                    return found[name]
        return super().__getattr__(name)


class _Aliases(_Package):
    """A package of types that has not run and gives a stand-in for the one that annotations are made of."""

    class NDArray:
        """Says what an array has for whoever checks types."""

        __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)


class _Module(ModuleType):
    """A module that has not run. Threads that come while it runs wait until it has."""

    def __getattribute__(self, name: str) -> object:
        if not (name.startswith("__") and name.endswith("__")):
            with RUNNING:
                _run(self)
        return ModuleType.__getattribute__(self, name)


class _LateClass(type):
    """Stands for a class of a module that has not run; what is asked of it, the class is asked."""

    def _real(cls) -> Any:
        module = sys.modules[cls.__module__]
        with RUNNING:
            _run(module)
        return getattr(module, cls.__name__)

    def __call__(cls, *args: object, **kwargs: object) -> object:
        return cls._real()(*args, **kwargs)

    def __getattr__(cls, name: str) -> object:
        return getattr(cls._real(), name)

    def __instancecheck__(cls, instance: object) -> bool:
        found = vars(sys.modules[cls.__module__])[cls.__name__]
        return found is not cls and isinstance(instance, found)  # while it waits there is none


def _run(module: ModuleType) -> None:
    """Run a module that waits, unless that has been done, or is being done by who asks."""
    spec = module.__spec__
    if spec is None or spec.loader is None or spec.loader_state is not None:
        return
    spec.loader_state = "runs"
    try:
        spec.loader.exec_module(module)
    except BaseException:
        spec.loader_state = None
        raise
    module.__class__ = ModuleType


def install() -> None:
    """Make all of them, unless they are there."""
    os.environ.setdefault(*ONE_THREAD)
    for name in PACKAGES:
        _make(name, _Package)
    for name in SHELVES:
        _make(name, _Shelf)
    for name in ALIASES:
        _make(name, _Aliases)
    for name in LATER:
        _make(name, _Module)
    for name in MESSAGES:
        _make(name, MessageNames)
    for name, late in LATE_CLASSES.items():
        _make(name, _Package, {late: _LateClass(late, (), {"__module__": name})})
    for name, empty in WITHOUT.items():
        _make(name, _Package, {empty: {}})
    _make("platform", _Package, {"system": lambda: os.uname().sysname})  # what asks for no more
    for name in LEFT_OUT:
        sys.modules.setdefault(name, ModuleType(name))


def _make(name: str, kind: type[ModuleType], given: Mapping[str, object] | None = None) -> None:
    """Make a module of this kind that has some names; nothing where there is no such module.

    Then who imports it is told.
    """
    parent, _, own_name = name.rpartition(".")
    try:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = kind
    module.__dict__.update(given or {})
    sys.modules[name] = module
    if parent:
        setattr(sys.modules[parent], own_name, module)
