"""Names of FROM items and of their columns by which a query that is said in full finds them.

Rule 1: an item is called as it was, or as its relation is called now; it gets a number where another
        of this query, or of one around it, has that name.
Rule 2: a column that USING merges has one name on all sides. Where only its name says it, as it is no
        column of either side, nothing else in the query is called so.
Rule 3: other columns give way to the names of USING around them.

PostgreSQL gives the names out in the same order, so that its texts are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.catalog.objects import Sequence, Table
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.planner.resolution import Resolution

NAME_BYTES_MAX = 63


@dataclass(slots=True, eq=False)
class _Column:
    """A column of an item. Before: its name in the text there is; now: without a list of aliases."""

    before: str
    now: str
    wished: str
    parts: tuple[_Column, ...] = ()
    gone: bool = False
    name: str = ""

    def give(self, name: str) -> None:
        """The name on all sides of USING."""
        self.name = name
        for part in self.parts:
            part.give(name)


@dataclass(slots=True, eq=False)
class _Leaf:
    """A relation, query or function in FROM; above: names of USING around it."""

    node: exp.Expression
    columns: list[_Column]
    is_relation: bool
    above: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Join:
    """A join; columns: as others see them, which have names of their own where the join has an alias."""

    node: exp.Expression
    left: _Side
    right: _Side
    merged: list[_Column]
    inner: list[_Column]
    columns: list[_Column]
    above: tuple[str, ...] = ()

    @property
    def has_alias(self) -> bool:
        """Whether its columns are seen under its own name."""
        return bool(self.node.args.get("alias"))


_Side = _Leaf | _Join


@dataclass(slots=True)
class FromNames:
    """The names, by the identity of nodes: of items, of columns as written, of USING, and lists of aliases."""

    notes: Resolution
    catalog: CatalogView
    aliases: dict[int, str] = field(default_factory=dict)
    columns: dict[tuple[int, str], str] = field(default_factory=dict)
    merged: dict[int, tuple[str, ...]] = field(default_factory=dict)
    lists: dict[int, tuple[str, ...]] = field(default_factory=dict)
    locked: dict[tuple[int, str], str] = field(default_factory=dict)

    def add(self, tree: exp.Expression) -> None:
        """Name the items of all queries in a tree."""
        if isinstance(tree, nodes.Query):
            self._query(tree, frozenset())
            return
        for query in _queries_in(tree):
            self._query(query, frozenset())

    def _query(self, query: exp.Expression, around: frozenset[str]) -> None:
        sides = [self._side(each) for each in query.args.get("from_items") or []]
        around |= self._name_items(query, sides, around)
        self._name_columns(sides)
        for inner in _queries_in(query):
            self._query(inner, around)

    def _side(self, node: exp.Expression) -> _Side:
        if isinstance(node, nodes.Join):
            return self._join(node, self._side(node.args["left"]), self._side(node.args["right"]))
        inner = node.args["this"] if isinstance(node, nodes.TableSample) else node
        before = self.notes.relations.get(id(inner))
        now = None if before is None else self.catalog.object(before.oid)
        if before is not None and isinstance(now, Table):
            return _Leaf(inner, _of_table(inner, before, now), is_relation=True)
        item = self.notes.items.get(id(inner))
        names = [] if item is None else [column.name for column in item.columns()]
        columns = [_Column(name, name, name) for name in names]
        return _Leaf(inner, columns, is_relation=before is not None)

    def _join(self, node: exp.Expression, left: _Side, right: _Side) -> _Join:
        merged = []
        for name in self.notes.merged.get(id(node), ()):
            parts = tuple(_called(side.columns, name) for side in (left, right))
            merged.append(_Column(name, name, name, tuple(each for each in parts if each)))
        both = {part for column in merged for part in column.parts}
        rest = [each for side in (left, right) for each in side.columns if each not in both]
        inner = columns = [*merged, *rest]
        if node.args.get("alias"):
            columns = _renamed(inner, node.args.get("column_aliases") or ())
        return _Join(node, left, right, merged, inner, columns)

    # Items

    def _name_items(
        self, query: exp.Expression, sides: list[_Side], around: frozenset[str]
    ) -> set[str]:
        names: set[str] = set()
        for side in _every(sides):
            base = self._item_name(side)
            if base:
                self.aliases[id(side.node)] = name = _free(base, names | around)
                names.add(name)
                item = self.notes.items.get(id(side.node))
                if item is not None:
                    self.locked[id(query), item.alias] = name
        return names

    def _item_name(self, side: _Side) -> str:
        """The alias of an item, or the name that its relation has now."""
        alias: str = side.node.args.get("alias") or ""
        if isinstance(side, _Join):
            return alias
        before = self.notes.relations.get(id(side.node))
        if before is not None:
            now = self.catalog.object(before.oid)
            name = now.name if isinstance(now, Table | Sequence) else before.name
            is_numbered = name != before.name and _is_numbered(alias, before.name)
            return name if is_numbered or alias in ("", before.name) else alias
        item = self.notes.items.get(id(side.node))
        return alias or ("" if item is None else item.alias)

    # Columns

    def _name_columns(self, sides: list[_Side]) -> None:
        joins = [each for each in _every(sides) if isinstance(each, _Join)]
        is_said_by_name = any(
            id(join.node) in self.notes.unowned and not join.has_alias for join in joins
        )
        taken: list[str] | None = [] if is_said_by_name else None
        for side in sides:
            _name_merged(side, (), taken)
        for side in _every(sides):
            if isinstance(side, _Leaf):
                self._name_leaf(side, taken or [])
            else:
                self._name_join(side, taken or [])

    def _name_leaf(self, leaf: _Leaf, taken: list[str]) -> None:
        _complete(leaf.columns, (*taken, *leaf.above))
        shown = [column for column in leaf.columns if not column.gone]
        is_changed = any(column.name != column.now for column in shown)
        is_listed = not leaf.is_relation and bool(leaf.node.args.get("column_aliases"))
        if is_changed or is_listed:
            self.lists[id(leaf.node)] = tuple(column.name for column in shown)
        self._note(leaf.node, shown)

    def _name_join(self, join: _Join, taken: list[str]) -> None:
        self.merged[id(join.node)] = tuple(column.name for column in join.merged)
        self._note(join.node, join.inner)
        if not join.has_alias:
            return
        _complete(join.columns, (*taken, *join.above))
        pairs = [
            (own, inner)
            for own, inner in zip(join.columns, join.inner, strict=True)
            if not inner.gone
        ]
        if any(own.name != inner.name for own, inner in pairs):
            self.lists[id(join.node)] = tuple(own.name for own, _ in pairs)
        self._note(join.node, join.columns)

    def _note(self, node: exp.Expression, columns: list[_Column]) -> None:
        for column in columns:
            if column.before:
                self.columns[id(node), column.before] = column.name


def _of_table(node: exp.Expression, before: Table, now: Table) -> list[_Column]:
    """The columns of a relation as it was when the text was bound, and those added since."""
    aliases = node.args.get("column_aliases") or ()
    living = {column.number: column.name for column in now.live_columns}
    found = []
    for position, column in enumerate(before.live_columns):
        alias = aliases[position] if position < len(aliases) else ""
        name = living.pop(column.number, "")
        found.append(_Column(alias or column.name, name, alias or name, gone=not name))
    return found + [_Column("", name, name) for name in living.values()]


def _renamed(inner: list[_Column], aliases: tuple[str, ...]) -> list[_Column]:
    """The columns of a join with an alias: those there were keep their names, others are called as inside."""
    columns = []
    given = iter(aliases)
    for column in inner:
        name = column.before and next(given, column.before)
        columns.append(_Column(name, "", name or column.now, gone=column.gone))
    return columns


def _name_merged(side: _Side, above: tuple[str, ...], taken: list[str] | None) -> None:
    """The names of USING, from the outermost join inwards; taken: names to use for nothing else."""
    side.above = above
    if isinstance(side, _Leaf):
        return
    own: list[str] = []
    for column, seen in zip(side.merged, side.columns, strict=False):
        if not column.name:
            column.give(_free(seen.wished, (*own, *(taken or ()), *above)))
            if taken is not None:
                taken.append(column.name)
        seen.name = seen.name or column.name
        own.append(column.name)
    for each in (side.left, side.right):
        _name_merged(each, (*above, *own), taken)


def _complete(columns: list[_Column], taken: tuple[str, ...]) -> None:
    """Names for the columns that have none: those there were come before those added since."""
    used = {column.name for column in columns if column.name}
    for is_old in (True, False):
        for column in columns:
            if column.name or column.gone or bool(column.before) is not is_old:
                continue
            column.name = _free(column.wished, used | set(taken))
            used.add(column.name)


def _called(columns: list[_Column], name: str) -> _Column | None:
    return next((column for column in columns if column.before == name), None)


def _every(sides: list[_Side]) -> Iterator[_Side]:
    """Items from left to right, joins behind what they join."""
    for side in sides:
        if isinstance(side, _Join):
            yield from _every([side.left, side.right])
        yield side


def _queries_in(tree: exp.Expression) -> list[exp.Expression]:
    """The outermost queries inside a tree."""
    inside = tree.walk(prune=lambda each: each is not tree and isinstance(each, nodes.Query))
    return [each for each in inside if each is not tree and isinstance(each, nodes.Query)]


def _is_numbered(alias: str, name: str) -> bool:
    """Whether an alias looks as if it had been given out for an item of that name."""
    return alias.startswith(f"{name}_") and alias[len(name) + 1 :].isdecimal()


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number if something has it."""
    shown, number = name, 0
    while shown in taken:
        number += 1
        end = f"_{number}"
        kept = name.encode()[: NAME_BYTES_MAX - len(end)].decode(errors="ignore")
        shown = kept + end
    return shown
