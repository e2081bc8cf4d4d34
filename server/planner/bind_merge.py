"""MERGE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported
from server.planner.environment import BindContext, raise_at

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_modify import BoundModify
    from server.planner.scope import Scope


def bind_merge(context: BindContext, scope: Scope, node: exp.Expression) -> BoundModify:
    """A MERGE statement."""
    raise raise_at(context, node, FeatureNotSupported("MERGE is not supported"))
