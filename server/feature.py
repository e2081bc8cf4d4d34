"""Feature and Hooks: the only ways to extend the server.

A feature is a value, not a base class: a folder under server/features builds one and lists it in FEATURES. The order of
that list is the order of loading and of calling hooks. What cannot be said with these fields is not a feature but a
change of the kernel, whose own statements, types and functions are rows of the same kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.statements.registry import STATEMENTS
from server.statements.statement import Utility, by_node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Moments at which the kernel calls features. None means not interested."""

    after_login: Hook | None = None  # (session): raising refuses the login
    before_execute: Hook | None = None  # (session, statement): raising refuses the statement
    after_commit: Hook | None = None  # (session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What one subsystem adds to the server. Every part is optional."""

    name: str
    statements: tuple[Utility, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)


def statements_of(features: Sequence[Feature]) -> Mapping[Any, Utility]:
    """Every utility statement that is supported: the kernel's and the features'."""
    added = [row for feature in features for row in feature.statements]
    return STATEMENTS if not added else by_node((*STATEMENTS.values(), *added))
