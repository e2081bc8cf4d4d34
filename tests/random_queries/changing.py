"""Random changes of the tables, and queries that change them or lock their rows.

Rule 1: a row of the target meets at most one row of what it is joined with, that one's key; new rows have keys of
        their own, so that what becomes of a row does not depend on the order in which rows are met.
"""

from __future__ import annotations

from typing import Final

from tests.random_queries.grammar import COLUMNS, TYPES, Item, Level, Maker
from tests.random_queries.tables import TABLES
from tests.random_queries.tree import NOTHING, Tree, listed, optional, tree

KINDS_OF: Final = dict(COLUMNS)
SETTABLE: Final = tuple(name for name, _ in COLUMNS[1:])
JOINS: Final = ("a", "b", "id")
LOCKS: Final = ("update", "no key update", "share", "key share")
_Columns = tuple[tuple[str, str], ...]


class ChangingMaker(Maker):
    """Makes one statement that changes the tables."""

    def statement(self) -> Tree:
        """A whole statement."""
        makers = (
            ChangingMaker.update,
            ChangingMaker.update,
            ChangingMaker.delete,
            ChangingMaker.insert,
            ChangingMaker.insert,
            ChangingMaker.merge,
            ChangingMaker.merge,
            ChangingMaker.common_tables,
            ChangingMaker.common_tables,
            ChangingMaker.locking,
        )
        return self.random.choice(makers)(self)

    def table(self, level: Level, *, alias: str = "") -> str:
        """A table with an alias, which is noted."""
        name, alias = self.random.choice(list(TABLES)), alias or self.alias("x")
        level.items.append(Item(alias, COLUMNS, has_key=True))
        return f"{name} {alias}"

    def where(self, level: Level, word: str = "where") -> Tree:
        """A condition, or none."""
        if self.chance(0.3):
            return NOTHING
        return optional(f" {word} ", self.expression("bool", level, 2))

    def settings(self, level: Level) -> Tree:
        """The SET list of an UPDATE."""
        names = self.random.sample(SETTABLE, self.random.choice((1, 1, 2, 3)))
        if len(names) == 2 and self.chance(0.3):
            kinds = [KINDS_OF[name] for name in names]
            one, two = (self.expression(kind, level, 1) for kind in kinds)
            form = self.random.choice(("({}) = ({})", "({}) = row({})", "({}) = (select {})"))
            before, between, after = form.split("{}")
            return tree(before, ", ".join(names), between, one, ", ", two, after)
        return listed([tree(f"{name} = ", self.new(name, level)) for name in names])

    def new(self, name: str, level: Level) -> Tree:
        """What a column is set to."""
        if self.chance(0.08):
            return tree("default")
        return self.expression(KINDS_OF[name], level, 2)

    def returned(self, level: Level) -> tuple[Tree, tuple[tuple[str, str], ...]]:
        """RETURNING, and its columns."""
        kinds = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
        targets = [
            tree(self.expression(kind, level, 2), f" as c{n}") for n, kind in enumerate(kinds, 1)
        ]
        columns = tuple((f"c{n}", kind) for n, kind in enumerate(kinds, 1))
        if self.chance(0.15):
            return tree(f" returning {level.items[0].alias}.*"), COLUMNS
        parts: list[str | Tree] = [" returning "]
        for number, target in enumerate(targets):
            parts += [", ", target] if number else [target]
        return Tree(tuple(parts)), columns

    def ended(self, body: Tree, level: Level, *, always: bool) -> tuple[Tree, _Columns]:
        """The statement with RETURNING or, where nobody asks for it, without."""
        returning, columns = self.returned(level)
        if not always:
            returning = optional(returning) if self.chance(0.7) else NOTHING
        return tree(body, returning), columns

    # Statements.

    def update(self) -> Tree:
        """UPDATE, with FROM or not."""
        return self.updated(always=False)[0]

    def updated(self, *, always: bool) -> tuple[Tree, _Columns]:
        """An UPDATE and what it returns."""
        level = Level()
        target = self.table(level)
        only = "only " if self.chance(0.05) else ""
        if self.chance(0.4):
            source, condition = self.joined(level)
            body = tree(
                f"update {only}{target} set ", self.settings(level), f" from {source} where {condition}",
                self.where(level, "and"),
            )  # fmt: skip
        else:
            body = tree(f"update {only}{target} set ", self.settings(level), self.where(level))
        return self.ended(body, level, always=always)

    def joined(self, level: Level) -> tuple[str, str]:
        """Another table, and the condition that a row of it has its key in the target's row."""
        target = level.items[0].alias
        source = self.table(level)
        condition = f"{level.items[1].alias}.id = {target}.{self.random.choice(JOINS)}"
        if self.chance(0.2):
            source += f" left join {self.table(level)} on {level.items[2].alias}.id = {level.items[1].alias}.a"
        return source, condition

    def delete(self) -> Tree:
        """DELETE, with USING or not."""
        return self.deleted(always=False)[0]

    def deleted(self, *, always: bool) -> tuple[Tree, _Columns]:
        """A DELETE and what it returns."""
        level = Level()
        target = self.table(level)
        if self.chance(0.4):
            source, condition = self.joined(level)
            using = f" using {source} where {condition}"
            body = tree(f"delete from {target}{using}", self.where(level, "and"))
        else:
            body = tree(f"delete from {target}", self.where(level))
        return self.ended(body, level, always=always)

    def insert(self) -> Tree:
        """INSERT of a query's rows, with ON CONFLICT or not."""
        return self.inserted(always=False)[0]

    def inserted(self, *, always: bool) -> tuple[Tree, _Columns]:
        """An INSERT and what it returns."""
        inner, own = Level(), Level()
        target = self.table(own).replace(" ", " as ")
        names = ["id", *self.random.sample(SETTABLE, self.random.randint(1, 4))]
        if self.chance(0.25):
            rows = [
                tree(f"({start}", *self.cells(names[1:], Level()), ")")
                for start in self.random.sample(range(30), self.random.randint(1, 3))
            ]
            source = tree("values ", listed(rows))
        else:
            table = self.table(inner)
            key = f"{inner.items[0].alias}.id + {self.random.choice((0, 2, 30, 50))}"
            source = tree(
                f"select {key}", *self.cells(names[1:], inner), f" from {table}", self.where(inner)
            )
        body = tree(f"insert into {target} ({', '.join(names)}) ", source, self.conflict(own))
        return self.ended(body, own, always=always)

    def cells(self, names: list[str], level: Level) -> list[str | Tree]:
        """The values of columns, each behind a comma."""
        return [
            part for name in names for part in (", ", self.expression(KINDS_OF[name], level, 2))
        ]

    def conflict(self, own: Level) -> Tree:
        """ON CONFLICT, or nothing."""
        target = self.random.choice(("", " (id)", " (id)"))
        if self.chance(0.3):
            return NOTHING
        if not target or self.chance(0.3):
            return optional(f" on conflict{target} do nothing")
        both = Level([*own.items, Item("excluded", COLUMNS)])
        settings, where = self.settings(both), self.where(both)
        return optional(f" on conflict{target} do update set ", settings, where)

    def merge(self) -> Tree:
        """MERGE with a table or a query."""
        both, source = Level(), Level()
        target = self.table(both)
        if self.chance(0.3):
            inner = Level()
            table = self.table(inner)
            alias = self.alias("s")
            key = inner.items[0].alias
            using = tree(
                f"(select {key}.id, ", self.expression("int", inner, 1), " as a, ",
                self.expression("text", inner, 1), f" as c from {table}", self.where(inner), f") {alias}",
            )  # fmt: skip
            source.items.append(Item(alias, (("id", "int"), ("a", "int"), ("c", "text"))))
        else:
            using = tree(self.table(source))
        other = source.items[0].alias
        both.items += source.items
        condition = f"{other}.id = {both.items[0].alias}.{self.random.choice(('id', 'id', 'a'))}"
        clauses = [self.clause(both, source) for _ in range(self.random.randint(1, 3))]
        return tree(f"merge into {target} using ", using, f" on {condition} ", listed(clauses, " "))

    def clause(self, both: Level, source: Level) -> Tree:
        """WHEN, and what is done."""
        if self.chance(0.6):
            action = self.random.choice(("update", "update", "delete", "do nothing"))
            made = tree("update set ", self.settings(both)) if action == "update" else tree(action)
            return tree("when matched", self.where(both, "and"), " then ", made)
        names = self.random.sample(SETTABLE, self.random.randint(1, 3))
        values = self.cells(names, source)
        key = f"{source.items[0].alias}.id + {self.random.choice((40, 40, 60))}"
        insert = tree(f"insert (id, {', '.join(names)}) values ({key}", *values, ")")
        made = insert if self.chance(0.9) else tree("do nothing")
        return tree("when not matched", self.where(source, "and"), " then ", made)

    def common_tables(self) -> Tree:
        """A query over what a change has returned."""
        makers = (ChangingMaker.updated, ChangingMaker.deleted, ChangingMaker.inserted)
        changed, columns = self.random.choice(makers)(self, always=True)
        name, level = self.alias("w"), Level()
        level.tables[name] = columns
        if self.chance(0.2):
            last = self.inserted(always=False)[0]
        else:
            kinds = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
            last = self.query(kinds, level, 2)
        return tree(f"with {name} as (", changed, ") ", last)

    def locking(self) -> Tree:
        """A query that locks the rows it finds."""
        level = Level()
        source = self.table(level)
        if self.chance(0.4):
            kind = self.random.choice(("join", "left join", "join lateral"))
            before, after = level.items[0].alias, self.table(level)
            if kind == "join lateral":
                after = f"(select * from {after.split()[0]} limit 9) {level.items[1].alias}"
            source += f" {kind} {after} on {level.items[1].alias}.id = {before}.a"
        kinds = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
        targets = [
            tree(self.expression(kind, level, 2), f" as c{n}") for n, kind in enumerate(kinds, 1)
        ]
        of = self.random.choice(("", f" of {level.items[0].alias}"))
        wait = self.random.choice(("", " nowait", " skip locked"))
        order = self.random.choice(("", f" order by {level.items[0].alias}.id", " group by 1"))
        limit = " limit 3" if order.startswith(" order") and len(level.items) == 1 else ""
        lock = f" for {self.random.choice(LOCKS)}{of}{wait}"
        return tree(
            "select ", listed(targets), f" from {source}", self.where(level), order, limit, lock
        )
