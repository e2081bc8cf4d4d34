"""Packages whose own code is not run for the sake of one of their modules.

`import sqlglot.expressions` runs `sqlglot/__init__.py` first, which loads a parser and a generator for a
dialect that a start needs none of; so does `postgast`. Such a package is made without running its code.

Rule 1: what the package's code would have defined is there when somebody asks for it: then the code is run after all.
Rule 2: only for a process that is a server from its first line: who has imported the package already keeps it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "postgast": {},
    "sqlglot": {"exp": "sqlglot.expressions", "expressions": "sqlglot.expressions"},
}
"""By package: names in it that stand for modules of it, which are given without running the package's code."""


class _Package(ModuleType):
    """A package that has not run."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if spec is None or spec.loader is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        known = MODULES[spec.name].get(name)
        if known is not None:
            return importlib.import_module(known)
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def install() -> None:
    """Make the packages, unless they are there."""
    for name in MODULES:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            module.__class__ = _Package
            sys.modules[name] = module
