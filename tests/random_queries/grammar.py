"""Makes random queries whose answers do not depend on the order in which rows are met.

Rule 1: LIMIT and DISTINCT ON stand over an ORDER BY of all columns; functions of windows that tell
        peers apart stand over an ORDER BY of the keys of all tables.
Rule 2: nothing is divided by what may be zero, and numbers stay small: which error is met first is
        nobody's promise. Errors of names and types are met before any row, so some are made on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.random_queries.tables import COLUMNS, TABLES
from tests.random_queries.tree import NOTHING, Tree, listed, optional, tree

TYPES: Final = ("int", "text", "numeric", "date", "bool", "bigint")
LITERALS: Final = {
    "int": ("0", "1", "2", "3", "7", "-1", "null::int"),
    "bigint": ("1::bigint", "5000000000", "null::bigint"),
    "text": ("'a'", "'b'", "'ab'", "''", "null::text"),
    "numeric": ("1.5", "0.0", "2.50", "null::numeric"),
    "date": ("date '2020-01-01'", "date '2021-12-31'", "null::date"),
    "bool": ("true", "false", "null::bool"),
}
COMPARISONS: Final = ("=", "<>", "<", "<=", ">", ">=")
PEER_SAFE: Final = ("rank", "dense_rank", "percent_rank", "cume_dist")
ORDER_BOUND: Final = (
    "row_number",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
)


@dataclass(slots=True)
class Item:
    """A FROM item as names see it."""

    alias: str
    columns: tuple[tuple[str, str], ...]
    has_key: bool = False


@dataclass(slots=True)
class Level:
    """A query level: its items, and the levels around it."""

    items: list[Item] = field(default_factory=list)
    outer: Level | None = None
    tables: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def columns(self, kind: str, *, outer: bool = True) -> list[str]:
        """The columns of a type that can be named here."""
        found = [
            f"{item.alias}.{name}"
            for item in self.items
            for name, column_kind in item.columns
            if column_kind == kind
        ]
        if outer and self.outer is not None:
            found += self.outer.columns(kind)
        return found


class Maker:
    """Makes one query."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.aliases = 0

    def chance(self, share: float) -> bool:
        """Whether something of that probability happens."""
        return self.random.random() < share

    def alias(self, prefix: str) -> str:
        """A new alias."""
        self.aliases += 1
        return f"{prefix}{self.aliases}"

    # Queries.

    def statement(self) -> Tree:
        """A whole query."""
        width = self.random.randint(1, 4)
        kinds = [self.random.choice(TYPES) for _ in range(width)]
        if self.chance(0.25):
            return self.with_query(kinds)
        query = self.query(kinds, Level(), 3)
        return self.mistaken(query) if self.chance(0.04) else query

    def mistaken(self, query: Tree) -> Tree:
        """The query with a name or a type wrong somewhere."""
        wrong = self.random.choice(("nowhere.a", "zz", "upper(1)", "1 + 'x'::text", "count(*)"))
        return tree("select * from (", query, f") m where {wrong} = 1")

    def with_query(self, kinds: list[str]) -> Tree:
        """A query with common tables."""
        level = Level()
        tables = []
        for _ in range(self.random.randint(1, 2)):
            name = self.alias("w")
            inner = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
            columns = tuple((f"c{n}", kind) for n, kind in enumerate(inner, 1))
            hint = self.random.choice(("", "", "materialized ", "not materialized "))
            names = ", ".join(column for column, _ in columns)
            query = self.query(inner, Level(tables=dict(level.tables)), 2)
            tables.append(tree(f"{name}({names}) as {hint}(", query, ")"))
            level.tables[name] = columns
        return tree("with ", listed(tables), " ", self.query(kinds, level, 3))

    def query(self, kinds: list[str], around: Level, depth: int) -> Tree:
        """A query with columns of these types."""
        if depth > 1 and self.chance(0.15):
            return self.set_operation(kinds, around, depth)
        if self.chance(0.03):
            rows = [self.values_row(kinds) for _ in range(self.random.randint(1, 3))]
            return tree("values ", listed(rows))
        return self.select(kinds, around, depth)

    def values_row(self, kinds: list[str]) -> Tree:
        """A row of VALUES."""
        return tree("(", ", ".join(self.random.choice(LITERALS[kind]) for kind in kinds), ")")

    def set_operation(self, kinds: list[str], around: Level, depth: int) -> Tree:
        """UNION, INTERSECT or EXCEPT."""
        left = self.query(kinds, around, depth - 1)
        right = self.query(kinds, around, depth - 1)
        word = self.random.choice(("union", "intersect", "except"))
        every = " all" if self.chance(0.4) else ""
        return tree("(", left, f") {word}{every} (", right, ")", smaller=(left, right))

    def select(self, kinds: list[str], around: Level, depth: int) -> Tree:
        """A SELECT."""
        level = Level(outer=around.outer, tables=around.tables)
        source = self.source(level, depth)
        where = (
            optional(" where ", self.expression("bool", level, 3)) if self.chance(0.6) else NOTHING
        )
        if self.chance(0.3):
            return self.grouped(kinds, level, source, where)
        return self.plain(kinds, level, source, where)

    def plain(self, kinds: list[str], level: Level, source: Tree, where: Tree) -> Tree:
        """A SELECT without groups."""
        windows = self.chance(0.2)
        targets = [
            self.window_call(kind, level)
            if windows and kind in ("int", "bigint", "numeric")
            else self.expression(kind, level, 3)
            for kind in kinds
        ]
        named = [tree(target, f" as c{n}") for n, target in enumerate(targets, 1)]
        distinct = optional("distinct ") if self.chance(0.15) else NOTHING
        order = ", ".join(
            f"{n}{self.random.choice(('', ' desc', ' nulls first', ' desc nulls last'))}"
            for n in range(1, len(kinds) + 1)
        )
        if self.chance(0.08):
            distinct = tree("distinct on (1) ", smaller=(NOTHING,))
            return tree("select ", distinct, _joined(named), source, where, f" order by {order}")
        tail = NOTHING
        if self.chance(0.25):
            tail = optional(f" order by {order}", self.limit())
        return tree("select ", distinct, _joined(named), source, where, tail)

    def limit(self) -> Tree:
        """LIMIT, OFFSET, or WITH TIES."""
        count = self.random.choice((0, 1, 2, 5))
        form = self.random.choice(
            (
                "",
                f" limit {count}",
                f" limit {count} offset 1",
                f" fetch first {count} rows with ties",
            )
        )
        return optional(form)

    def grouped(self, kinds: list[str], level: Level, source: Tree, where: Tree) -> Tree:
        """A SELECT with groups."""
        known = [(name, kind) for kind in TYPES for name in level.columns(kind, outer=False)]
        keys = self.random.sample(known, min(len(known), self.random.randint(0, 2)))
        targets = []
        for number, kind in enumerate(kinds, 1):
            usable = [name for name, key_kind in keys if key_kind == kind]
            value = (
                tree(self.random.choice(usable))
                if usable and self.chance(0.6)
                else self.aggregate(kind, level)
            )
            targets.append(tree(value, f" as c{number}"))
        names = ", ".join(name for name, _ in keys)
        form = (
            "{}"
            if not keys
            else self.random.choice(
                ("{}", "{}", "{}", "rollup ({})", "cube ({})", "grouping sets (({}), ())")
            )
        )
        group = f" group by {form.format(names)}" if keys else ""
        having = NOTHING
        if self.chance(0.3):
            having = optional(
                " having ", self.comparison("bigint", self.aggregate("bigint", level), "1")
            )
        return tree("select ", _joined(targets), source, where, group, having)

    # FROM.

    def source(self, level: Level, depth: int) -> Tree:
        """FROM, or nothing."""
        if self.chance(0.04):
            return NOTHING
        items = [self.from_item(level, depth) for _ in range(1 + self.chance(0.25))]
        return tree(" from ", listed(items))

    def from_item(self, level: Level, depth: int) -> Tree:
        """An item of FROM, possibly a join."""
        left = self.primary(level, depth)
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            known = list(level.items)
            right = self.primary(level, depth)
            left = self.join(left, right, Level(known[-1:] + level.items[-1:], level.outer), level)
        return left

    def join(self, left: Tree, right: Tree, both: Level, level: Level) -> Tree:
        """A join of two items."""
        kind = self.random.choice(
            ("join", "left join", "left join", "right join", "full join", "cross join")
        )
        if kind == "cross join":
            return tree(left, " cross join ", right, smaller=(left, right))
        first, second = both.items
        pairs = [
            f"{first.alias}.{a} = {second.alias}.{b}"
            for a, kind_a in first.columns
            for b, kind_b in second.columns
            if kind_a == kind_b
        ]
        if not pairs:
            return tree(left, " cross join ", right, smaller=(left, right))
        shared = {
            a
            for a, kind_a in first.columns
            for b, kind_b in second.columns
            if (a, kind_a) == (b, kind_b)
        }
        if shared and self.chance(0.2):
            names = self.random.sample(sorted(shared), min(len(shared), self.random.randint(1, 2)))
            using = f" using ({', '.join(names)})"
            return tree(left, f" {kind} ", right, using, smaller=(left, right))
        condition = tree(self.random.choice(pairs))
        if kind != "full join" and self.chance(0.3):
            condition = tree(
                condition, " and ", self.expression("bool", both, 1), smaller=(condition,)
            )
        return tree(left, f" {kind} ", right, " on ", condition, smaller=(left, right))

    def primary(self, level: Level, depth: int) -> Tree:
        """A table, a subquery, a function."""
        if level.tables and self.chance(0.4):
            name = self.random.choice(list(level.tables))
            alias = self.alias("r")
            level.items.append(Item(alias, level.tables[name]))
            return tree(f"{name} {alias}")
        if depth > 1 and self.chance(0.25):
            return self.derived(level, depth)
        if self.chance(0.05):
            alias = self.alias("s")
            level.items.append(Item(alias, (("n", "int"),)))
            return tree(f"generate_series(1, {self.random.randint(0, 4)}) {alias}(n)")
        name, alias = self.random.choice(list(TABLES)), self.alias("t")
        alias = alias.replace("t", "x", 1)
        level.items.append(Item(alias, COLUMNS, has_key=True))
        return tree(f"{name} {alias}")

    def derived(self, level: Level, depth: int) -> Tree:
        """A subquery in FROM."""
        kinds = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
        is_lateral = bool(level.items) and self.chance(0.4)
        before = Level(list(level.items), level.outer, level.tables) if is_lateral else level.outer
        inner = Level(tables=level.tables, outer=before)
        query = self.query(kinds, inner, depth - 1)
        alias = self.alias("d")
        columns = tuple((f"c{n}", kind) for n, kind in enumerate(kinds, 1))
        level.items.append(Item(alias, columns))
        names = ", ".join(name for name, _ in columns)
        return tree("lateral (" if is_lateral else "(", query, f") {alias}({names})")

    # Expressions.

    def expression(self, kind: str, level: Level, depth: int) -> Tree:
        """An expression of a type."""
        if depth <= 0 or self.chance(0.3):
            return self.atom(kind, level)
        makers = (Maker.case, Maker.coalesced, *_MAKERS[kind])
        return self.random.choice(makers)(self, kind, level, depth - 1)

    def atom(self, kind: str, level: Level) -> Tree:
        """A column or a literal."""
        columns = level.columns(kind)
        simple = Tree((LITERALS[kind][0],))
        if columns and self.chance(0.8):
            return Tree((self.random.choice(columns),), (simple,))
        return Tree((self.random.choice(LITERALS[kind]),), (simple,))

    def case(self, kind: str, level: Level, depth: int) -> Tree:
        """CASE."""
        test = self.expression("bool", level, depth)
        first, second = (self.expression(kind, level, depth) for _ in range(2))
        return tree(
            "case when ", test, " then ", first, " else ", second, " end", smaller=(first, second)
        )

    def coalesced(self, kind: str, level: Level, depth: int) -> Tree:
        """COALESCE, GREATEST, LEAST, NULLIF."""
        name = self.random.choice(("coalesce", "greatest", "least", "nullif"))
        first, second = (self.expression(kind, level, depth) for _ in range(2))
        return tree(f"{name}(", first, ", ", second, ")", smaller=(first, second))

    def comparison(self, kind: str, left: Tree, right: str) -> Tree:
        """A comparison with a text."""
        return tree(left, f" {self.random.choice(COMPARISONS)} {right}")

    def window_call(self, kind: str, level: Level) -> Tree:
        """A window call that gives a number; rule 1."""
        keys = [f"{item.alias}.id" for item in level.items]
        all_keys = bool(keys) and all(item.has_key for item in level.items)
        partition = self.expression("int", level, 1)
        order = ", ".join(keys) if all_keys else str(self.expression("int", level, 1))
        spec = (
            f"partition by {partition} order by {order}"
            if self.chance(0.6)
            else f"order by {order}"
        )
        argument = str(self.expression("int", level, 1))
        if all_keys and self.chance(0.5):
            name = self.random.choice(ORDER_BOUND)
            call = {
                "row_number": "row_number()",
                "ntile": f"ntile({self.random.randint(1, 3)})",
                "nth_value": f"nth_value({argument}, 2)",
                "lag": f"lag({argument}, {self.random.randint(0, 2)})",
                "lead": f"lead({argument})",
            }.get(name, f"{name}({argument})")
            frame = self.random.choice(
                (
                    "",
                    " rows between 1 preceding and 1 following",
                    " rows between current row and unbounded following exclude current row",
                )
            )
        elif self.chance(0.4):
            call, frame = f"{self.random.choice(PEER_SAFE)}()", ""
        else:
            name = self.random.choice(("sum", "count", "min", "max", "avg"))
            call = f"{name}({argument})"
            if self.chance(0.3):
                call += f" filter (where {self.expression('bool', level, 1)})"
            frame = self.random.choice(
                (
                    "",
                    " groups between 1 preceding and current row",
                    " range between unbounded preceding and unbounded following exclude group",
                    " range between current row and unbounded following exclude ties",
                )
            )
        simple = Tree((LITERALS[kind][0],))
        return tree(f"({call} over ({spec}{frame}))::{kind}", smaller=(simple,))

    def aggregate(self, kind: str, level: Level) -> Tree:
        """An aggregate that gives a type."""
        own = Level(level.items, None, level.tables)
        argument = self.expression(kind, own, 1)
        name = self.random.choice(
            {
                "int": ("min", "max", "count_int"),
                "bigint": ("min", "max", "count", "sum_int", "count_star"),
                "numeric": ("min", "max", "sum", "avg"),
                "text": ("min", "max", "string_agg"),
                "date": ("min", "max"),
                "bool": ("bool_and", "bool_or", "every"),
            }[kind]
        )
        distinct = "distinct " if self.chance(0.2) else ""
        if name == "count_star":
            call = tree("count(*)")
        elif name == "count_int":
            call = tree(f"count({distinct}", argument, ")::int")
        elif name == "sum_int":
            call = tree(f"sum({distinct}", self.expression("int", own, 1), ")")
        elif name == "string_agg":
            text = str(argument)
            call = tree(f"string_agg({distinct}{text}, ',' order by {text})")
        else:
            call = tree(f"{name}({distinct}", argument, ")")
        if name != "count_int" and self.chance(0.2):
            call = tree(
                call, " filter (where ", self.expression("bool", own, 1), ")", smaller=(call,)
            )
        return call

    def subquery(self, kinds: list[str], level: Level, *, single: bool = False) -> Tree:
        """A query inside an expression, which may read the columns around it."""
        if single:
            inner = Level(outer=level, tables=level.tables)
            source = self.source(inner, 1)
            where = optional(" where ", self.expression("bool", inner, 1))
            if not inner.items:
                return tree("select ", self.expression(kinds[0], inner, 1))
            return tree("select ", self.aggregate(kinds[0], inner), source, where)
        return self.query(kinds, Level(outer=level, tables=level.tables), 1)


def _joined(items: list[Tree]) -> Tree:
    parts: list[str | Tree] = []
    for number, item in enumerate(items):
        parts += [", ", item] if number else [item]
    return Tree(tuple(parts))


def _binary(*operators: str):
    def make(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
        left, right = (maker.expression(kind, level, depth) for _ in range(2))
        operator = maker.random.choice(operators)
        return tree("(", left, f" {operator} ", right, ")", smaller=(left, right))

    return make


def _call(form: str, *kinds: str):
    def make(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
        pieces: list[str | Tree] = []
        for text, inner in zip(form.split("?"), (*kinds, None), strict=True):
            pieces.append(text)
            if inner is not None:
                pieces.append(maker.expression(inner, level, depth))
        same = tuple(p for p, k in zip(pieces[1::2], kinds, strict=True) if k == kind)
        return tree(*pieces, smaller=same)  # type: ignore[arg-type]

    return make


def _scalar(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    simple = Tree((LITERALS[kind][0],))
    return tree("(", maker.subquery([kind], level, single=True), ")", smaller=(simple,))


def _compared(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.random.choice(TYPES)
    left, right = (maker.expression(inner, level, depth) for _ in range(2))
    operator = maker.random.choice((*COMPARISONS, "is distinct from", "is not distinct from"))
    return tree("(", left, f" {operator} ", right, ")", smaller=_TRUTH)


def _tested(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.random.choice(TYPES)
    test = maker.random.choice(("is null", "is not null"))
    return tree("(", maker.expression(inner, level, depth), f") {test}", smaller=_TRUTH)


def _in_list(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.random.choice(TYPES)
    items = [maker.expression(inner, level, 0) for _ in range(maker.random.randint(1, 3))]
    word = maker.random.choice(("in", "not in"))
    return tree(
        "(",
        maker.expression(inner, level, depth),
        f" {word} (",
        listed(items),
        "))",
        smaller=_TRUTH,
    )


def _in_query(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.random.choice(TYPES)
    word = maker.random.choice(("in", "not in", "= any", "<> all", "> all", "< any"))
    left = maker.expression(inner, level, depth)
    return tree("(", left, f" {word} (", maker.subquery([inner], level), "))", smaller=_TRUTH)


def _exists(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    word = maker.random.choice(("exists", "not exists"))
    return tree(f"{word} (", maker.subquery(["int"], level), ")", smaller=_TRUTH)


def _rows(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = [maker.random.choice(TYPES) for _ in range(2)]
    left, right = (listed([maker.expression(each, level, 0) for each in inner]) for _ in range(2))
    operator = maker.random.choice(COMPARISONS)
    if maker.chance(0.4):
        word = maker.random.choice(("in", "not in"))
        return tree("(", left, f") {word} (", maker.subquery(inner, level), ")", smaller=_TRUTH)
    return tree("(", left, f") {operator} (", right, ")", smaller=_TRUTH)


def _between(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.random.choice(("int", "text", "date", "numeric"))
    a, b, c = (maker.expression(inner, level, 0) for _ in range(3))
    word = maker.random.choice(("between", "not between", "between symmetric"))
    return tree("(", a, f" {word} ", b, " and ", c, ")", smaller=_TRUTH)


def _not(maker: Maker, kind: str, level: Level, depth: int) -> Tree:
    inner = maker.expression("bool", level, depth)
    return tree("(not ", inner, ")", smaller=(inner,))


_TRUTH = (Tree(("true",)), Tree(("false",)))
_JUNCTION = _binary("and", "or")
_MAKERS = {
    "int": (
        _binary("+", "-"),
        _call("abs(?)", "int"),
        _call("length(?)", "text"),
        _scalar,
        _call("(?) % 3", "int"),
        _call("(?)::int", "bool"),
        _call("(? - ?)", "date", "date"),
    ),
    "bigint": (
        _binary("+", "-"),
        _call("(?)::bigint", "int"),
        _scalar,
        _call("(? + ?)", "int", "bigint"),
    ),
    "numeric": (
        _binary("+", "-"),
        _call("round(?, 1)", "numeric"),
        _call("(? * 1.5)", "int"),
        _scalar,
        _call("(?)::numeric", "bigint"),
    ),
    "text": (
        _binary("||"),
        _call("upper(?)", "text"),
        _call("substr(?, 1, 1)", "text"),
        _scalar,
        _call("(?)::text", "int"),
        _call("(?)::text", "date"),
        _call("(?)::text", "bool"),
    ),
    "date": (_call("(? + ?)", "date", "int"), _scalar),
    "bool": (
        _JUNCTION,
        _JUNCTION,
        _not,
        _compared,
        _compared,
        _compared,
        _tested,
        _in_list,
        _in_query,
        _exists,
        _rows,
        _between,
        _call("(? like '%a%')", "text"),
        _call("(?) is true", "bool"),
        _call("(?) is not false", "bool"),
    ),
}
"""What makes an expression of each type, besides CASE and COALESCE."""
