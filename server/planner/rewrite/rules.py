"""RULES: the rewrites in the order they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.planner.choose import Chooser
    from server.planner.environment import BindContext
    from server.planner.plan import Node


def rewrite(context: BindContext, chooser: Chooser, node: Node) -> Node:
    """Run all rules over a plan."""
    return node
