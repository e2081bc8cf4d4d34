"""Feature, Hooks and Service: the only ways to extend the server.

A feature is a value, not a base class: a folder under server/features builds one and lists it in FEATURES. The order of
that list is the order of loading and of calling hooks. What cannot be said with these fields is not a feature but a
change of the kernel, whose own statements, services, types and functions are rows of the same kinds.

Rule 1: hooks fail closed. What one raises before something happens refuses it; nothing swallows it.
Rule 2: where no feature asks, nothing is paid: the short path is open only while nobody watches statements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from server.statements.registry import STATEMENTS
from server.statements.statement import Utility, by_node

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Mapping, Sequence

    from server.database import Database
    from server.session.session import Session
    from storage.engine import Transaction

_LOG = logging.getLogger(__name__)

LoginHook = Callable[["Session"], None]
BeforeHook = Callable[["Session", str], None]
AfterHook = Callable[["Session", str, str, float], None]
CommitHook = Callable[["Session"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Moments at which the kernel calls features. None means not interested.

    Statements are those of the client, not those in the bodies of functions. None of them may wait.
    """

    after_login: LoginHook | None = None  # (session): raising refuses the login
    before_execute: BeforeHook | None = None  # (session, text): raising refuses the statement
    after_execute: AfterHook | None = (
        None  # (session, text, command tag, milliseconds): it ended well
    )
    after_commit: CommitHook | None = None  # (session): what it changed is published; on any thread


class RunningService(Protocol):
    """What a started service answers to."""

    def stop(self) -> Awaitable[None]:
        """End, with what is under way; the server waits for it before it closes storage."""


Service = Callable[["Database", "asyncio.AbstractEventLoop", Callable[[], int]], RunningService]
"""Starts something that runs beside the clients; the last argument gives numbers for sessions of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What one subsystem adds to the server. Every part is optional."""

    name: str
    statements: tuple[Utility, ...] = ()
    services: tuple[Service, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)


def statements_of(features: Sequence[Feature]) -> Mapping[Any, Utility]:
    """Every utility statement that is supported: the kernel's and the features'."""
    added = [row for feature in features for row in feature.statements]
    return STATEMENTS if not added else by_node((*STATEMENTS.values(), *added))


@dataclass(frozen=True, slots=True)
class HookChains:
    """The hooks of all features, those of one moment in the order of the features."""

    after_login: tuple[LoginHook, ...] = ()
    before_execute: tuple[BeforeHook, ...] = ()
    after_execute: tuple[AfterHook, ...] = ()
    after_commit: tuple[CommitHook, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether somebody wants to know of statements or commits, which the short path tells nobody of."""
        return bool(self.before_execute or self.after_execute or self.after_commit)

    def committed(self, session: Session, transaction: Transaction) -> None:
        """Tell of a commit, if anything has changed. It is durable, so that an error is logged and changes nothing."""
        if not transaction.xids:
            return
        for hook in self.after_commit:
            try:
                hook(session)
            except Exception:  # noqa: BLE001 - the boundary: it is logged
                _LOG.exception("a hook has failed after a commit")


def hooks_of(features: Sequence[Feature]) -> HookChains:
    """The chains that the features' hooks make."""

    def chain(moment: str) -> tuple[Any, ...]:
        found = (getattr(feature.hooks, moment) for feature in features)
        return tuple(hook for hook in found if hook is not None)

    return HookChains(*(chain(moment) for moment in HookChains.__dataclass_fields__))
