"""Late code: what of the server's own modules waits until somebody needs it.

A start needs few of the server's functions, yet an import runs a module as a whole: all its functions are made,
and all modules run that any of them might name. In the start image a module is split (`server/split_code.py`):

    imported                            a module is made and not run
    a function of it is asked for       a stand-in is given
    anything else of it is asked for    it is run: classes and tables are made, functions are stand-ins. Names that
                                        are imported for the sake of functions alone are not imported
    a stand-in is called                its module is run, names in its body are imported, it is given its body

Rule 1: a stand-in is the function itself, whose code is exchanged: who has taken, wrapped or listed it need not know.
Rule 2: who asks a module for a name is given what an ordinary import would give, unless running the module has other
        effects than to define names. In modules of ours it has none: what registers is listed.
Rule 3: whoever runs a module or imports a name that waited holds one lock, taken before those of the import system:
        other threads see modules that have been run, or wait.
"""

from __future__ import annotations

import sys
import threading
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType

    Import = tuple[str, str | None]
    """Where a name comes from: a module, and what in it; None for the module itself."""
    Body = tuple[int, int, tuple[str, ...]]
    """Where the code of a function lies behind its module's, how long it is, and names in it that wait."""
    Whole = tuple[CodeType, Mapping[str, Import], Sequence[Body]]
    """The code of a module, names of it that wait, bodies of its functions."""

LATE: Final = "__late__"
"""The name under which split code finds what waits of its module."""
TOP: Final = ""
"""Of an import: the package that the first part of a dotted name stands for (`import a.b` binds a)."""
RUNNING: Final = threading.RLock()
"""Whoever runs what has waited holds it, also of other people's packages (`server/side_doors.py`)."""


class Source(Protocol):
    """What the image has of a module."""

    def numbers(self) -> Mapping[str, int]:
        """Functions that can be given before the module has run, and their numbers."""

    def whole(self) -> Whole:
        """The code of the module, and what there is to know of what waits."""

    def body(self, place: Body) -> tuple[CodeType, Sequence[str]]:
        """The code of a function, and names in it that wait."""


class LateModule(ModuleType):
    """A module that has not run, or has names that wait."""

    def __getattr__(self, name: str) -> object:
        late = self.__dict__.get(LATE)
        if late is None or name == "__path__":  # what imports asks for it; a package has it
            raise AttributeError(name)
        return late.attribute(name)


class Late:
    """What waits of one module."""

    __slots__ = ("_bodies", "_functions", "_imports", "_names", "_numbers", "_source")

    def __init__(self, module: ModuleType, source: Source) -> None:
        self._names = module.__dict__
        self._numbers: Mapping[str, int] | None = None
        self._source = source
        self._imports: Mapping[str, Import] | None = None
        self._bodies: Sequence[Body] = ()
        self._functions: dict[int, FunctionType] = {}
        self._names[LATE] = self

    @property
    def has_run(self) -> bool:
        """Whether the module has run, or begun to."""
        return self._imports is not None

    def attribute(self, name: str) -> object:
        """What a name stands for that the module has not got yet."""
        with RUNNING:
            if name not in self._names:
                self._make(name)
        return self._names[name]

    def keeps(self, number: int) -> Callable[[FunctionType], FunctionType]:
        """What a stand-in goes through as the module defines it: one that has been given away stays the one."""

        def keep(function: FunctionType) -> FunctionType:
            given = self._functions.setdefault(number, function)
            if given is not function:
                given.__defaults__ = function.__defaults__
                given.__kwdefaults__ = function.__kwdefaults__
                given.__doc__ = function.__doc__
            return given

        return keep

    def awake(self, number: int) -> FunctionType:
        """The function of this number, with its body."""
        with RUNNING:
            self.run()
            body, waiting = self._source.body(self._bodies[number])
            for name in waiting:
                if name not in self._names:
                    self._names[name] = self._imported(name)
            function = self._functions[number]
            function.__code__ = body
        return function

    def run(self) -> bool:
        """Run the module; false if that has begun before."""
        with RUNNING:
            if self._imports is not None:
                return False
            try:
                self._imports = {}
                code, self._imports, self._bodies = self._source.whole()
                exec(code, self._names)  # noqa: S102
            except BaseException:
                self._imports = None
                raise
        return True

    def _make(self, name: str) -> None:
        if self._numbers is None:
            self._numbers = self._source.numbers()
        number = self._numbers.get(name)
        if number is not None:
            self._names[name] = self._functions[number] = stand_in(name, number, self._names)
            return
        self.run()
        if name not in self._names:
            if self._imports is None or name not in self._imports:
                module = self._names["__name__"]
                raise AttributeError(f"module {module!r} has no attribute {name!r}")
            self._names[name] = self._imported(name)

    def _imported(self, name: str) -> object:
        assert self._imports is not None
        module, attribute = self._imports[name]
        if not attribute:
            top = __import__(module, self._names)
            return top if attribute == TOP else sys.modules[module]
        return getattr(__import__(module, self._names, None, (attribute,)), attribute)


def stand_in(name: str, number: int, names: dict[str, object]) -> FunctionType:
    """A function of a module that has not run."""
    code = stand_in_code(number, None).replace(co_name=name, co_qualname=name)
    return FunctionType(code, names, name)


def stand_in_code(number: int, documentation: str | None) -> CodeType:
    """The code that a function has until it is called."""
    template: CodeType = _call.__code__
    constants = {None: documentation, _NUMBER: number}
    return template.replace(
        co_consts=tuple(constants.get(each, each) for each in template.co_consts)
    )


_NUMBER: Final = -1


def _call(*args: object, **kwargs: object) -> object:
    return __late__.awake(-1)(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821
