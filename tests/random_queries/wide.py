"""Queries of more kinds than grammar.py has: set-returning functions in target lists, recursion, documents and arrays.

Rule 1: as in grammar.py, no answer depends on the order in which rows are met: aggregates that keep an order are given
        one of all their arguments, and windows that tell peers apart are ordered by a key.
"""

from __future__ import annotations

from typing import Final

from tests.random_queries.grammar import TYPES, Level, Maker
from tests.random_queries.tables import TABLES
from tests.random_queries.tree import NOTHING, Tree, listed, optional, tree

FRAMES: Final = (
    "",
    "rows between 2 preceding and current row",
    "rows between 1 following and 2 following",
    "rows between unbounded preceding and 1 preceding",
    "range between 1 preceding and 2 following",
    "range between unbounded preceding and current row exclude ties",
    "groups between 1 preceding and 1 following",
    "groups between current row and unbounded following exclude group",
    "rows between 1 preceding and 1 following exclude current row",
)
SETS: Final = (
    "generate_series(1, {int} % 4)",
    "unnest(array[{int}, {int}, 2])",
    "unnest(array[{text}, 'b'])",
    "jsonb_array_elements(jsonb_build_array({int}, {text}))",
    "generate_series({int}, 3, 2)",
    "regexp_split_to_table({text}, '')",
    "unnest(case when {bool} then array[{bigint}] else '{{}}' end)",
)
CALLS: Final = (
    "array_agg({int} order by {key})",
    "array_agg(distinct {text})",
    "jsonb_agg({bool} order by {key})",
    "jsonb_object_agg({key}, {text})",
    "string_agg({text}, '-' order by {key} desc)",
    "percentile_cont(0.5) within group (order by ({numeric})::float8)",
    "percentile_disc(array[0.1, 0.9]) within group (order by {int})",
    "mode() within group (order by ({text})::text)",
    "rank(2) within group (order by {int})",
    "count(distinct ({int}, ({text})::text))",
    "bit_xor({int})",
    "range_agg(int4range(least({int}, 3), 5))",
    "min({text}) filter (where {bool})",
    "sum({bigint}) filter (where {bool})",
    "stddev_pop({int})::numeric(12, 4)",
    "avg({int})",
    "max(array[{int}, {int}])",
    "bool_or({bool})",
    "count(*) filter (where ({int}, {text}) < (2, 'b'))",
)
VALUES: Final = (
    "array[{int}, {int}] || {int}",
    "(array[{text}, {text}])[{int}]",
    "array_position(array[{int}, 2, {int}], {int})",
    "jsonb_build_object('a', {int}, 'b', {text}) ->> 'b'",
    "to_jsonb({numeric}) = to_jsonb({int})",
    "row({int}, {text}) is distinct from row({int}, {text})",
    "int4range({int}, null) @> {int}",
    "array[{int}, {int}] @> array[{int}]",
    "{date} + {int} * interval '1 day'",
    "date_trunc('month', ({date})::timestamp)",
    "extract(dow from {date})",
    "age({date}, date '2020-03-01')",
    "({text}) similar to '(a|b)%'",
    "position('a' in {text})",
    "regexp_replace({text}, '[ab]', 'x', 'g')",
    "({int})::float8 / 4",
    "(select array(select x.a from t2 x where x.b = {int} order by x.id))",
    "({int}, {text}) = any (select x.a, x.c from t3 x)",
    "{int} = all (array[{int}, {int}])",
    "exists (select from t5 x where x.a = {int} offset 1)",
    "coalesce({text}, ({int})::text, 'none') || 'z'",
    "({numeric})::numeric(6, 1)",
    "to_char({numeric}, 'S990.99')",
    "to_char({date}, 'YYYY-MM-DD Day')",
    "format('%s|%L|%I', {int}, {text}, 'c')",
    "greatest({date}, ({date} + 1))",
    "width_bucket({int}, 0, 5, 3)",
    "concat_ws(',', {int}, {text}, {bool})",
    "num_nulls({int}, {text}, {date})",
    "({bool}) = ({int} > 1)",
    "{int} between symmetric {int} and {int}",
)


class WideMaker(Maker):
    """Makes one query of any kind."""

    def statement(self) -> Tree:
        """A whole query."""
        makers = (
            Maker.statement,
            WideMaker.values_of_rows,
            WideMaker.values_of_rows,
            WideMaker.sets,
            WideMaker.sets,
            WideMaker.distinct_on,
            WideMaker.groups,
            WideMaker.groups,
            WideMaker.windows,
            WideMaker.windows,
            WideMaker.recursion,
            WideMaker.lateral,
            WideMaker.ordered,
        )
        return self.random.choice(makers)(self)

    def filled(self, form: str, level: Level, depth: int = 1) -> Tree:
        """A form with an expression in each pair of braces; {key} is the key of the first table."""
        pieces: list[str | Tree] = []
        rest = form.replace("{{}}", "\0")
        while "{" in rest:
            text, _, rest = rest.partition("{")
            kind, _, rest = rest.partition("}")
            pieces.append(text.replace("\0", "{}"))
            pieces.append(
                f"{level.items[0].alias}.id"
                if kind == "key"
                else self.expression(kind, level, depth)
            )
        return tree(*pieces, rest.replace("\0", "{}"))

    def table(self, level: Level) -> Tree:
        """A table, joined or not, whose rows the key of the first tells apart."""
        item = self.primary_table(level)
        if self.chance(0.3):
            name, column = self.random.choice(list(TABLES)), self.random.choice(("a", "b", "g"))
            kind = self.random.choice(("left join", "join"))
            condition = f"j.id = {level.items[0].alias}.{column}"
            return tree(item, optional(f" {kind} {name} j on {condition}"))
        return item

    def primary_table(self, level: Level) -> Tree:
        """A table with a new alias."""
        from tests.random_queries.grammar import COLUMNS, Item

        alias = self.alias("x")
        level.items.append(Item(alias, COLUMNS, has_key=True))
        return tree(f"{self.random.choice(list(TABLES))} {alias}")

    def where(self, level: Level) -> Tree:
        """WHERE, or nothing."""
        if self.chance(0.5):
            return NOTHING
        return optional(" where ", self.expression("bool", level, 2))

    def values_of_rows(self) -> Tree:
        """Values of many kinds."""
        level = Level()
        source = self.table(level)
        forms = [self.random.choice(VALUES) for _ in range(self.random.randint(1, 3))]
        targets = [tree(self.filled(form, level, 2), f" as c{n}") for n, form in enumerate(forms)]
        return tree("select ", listed(targets), " from ", source, self.where(level))

    def sets(self) -> Tree:
        """Set-returning functions in the target list, and what stands around them."""
        level = Level()
        source = self.table(level)
        forms = [self.random.choice(SETS) for _ in range(self.random.randint(1, 2))]
        targets = [tree(self.filled(form, level), f" as s{n}") for n, form in enumerate(forms)]
        targets.append(tree(self.expression(self.random.choice(TYPES), level, 1), " as v"))
        distinct = self.random.choice(("", "", "distinct "))
        width = len(targets)
        order = " order by " + ", ".join(str(n + 1) for n in range(width))
        tail = self.random.choice(("", "", order, f"{order} limit 3", f"{order} offset 2"))
        query = tree(f"select {distinct}", _joined(targets), " from ", source, self.where(level))
        if self.chance(0.3):
            grouped = tree("select s0, count(*) from (", query, ") q group by s0")
            return tree(grouped, smaller=(query,))
        return tree(query, optional(tail))

    def distinct_on(self) -> Tree:
        """DISTINCT ON of expressions, and of sets."""
        level = Level()
        source = self.table(level)
        key = level.items[0].alias + ".id"
        one = self.filled(self.random.choice((*SETS[:2], "{int}", "{text}", "{date}")), level)
        two = self.filled(self.random.choice(("{int}", "{bool}", *SETS[:1])), level)
        on = self.random.choice(("1", "1, 2", "2, 1"))
        rest = ", ".join(n for n in ("1", "2", "3") if n not in on)
        limit = self.random.choice(("", " limit 3"))
        tail = f" order by {on}{', ' if rest else ''}{rest}{limit}"
        return tree(
            f"select distinct on ({on}) ", one, " as c1, ", two, f" as c2, {key} as c3 from ",
            source, self.where(level), tail,
        )  # fmt: skip

    def groups(self) -> Tree:
        """Grouping sets, with aggregates of many kinds."""
        level = Level()
        source = self.table(level)
        alias = level.items[0].alias
        keys = [f"{alias}.{name}" for name in self.random.sample("abcdefg", 2)]
        form = self.random.choice(
            (
                "{a}",
                "{a}, {b}",
                "rollup ({a}, {b})",
                "cube ({a}, {b})",
                "grouping sets (({a}), ({b}), ())",
                "{a}, rollup ({b})",
                "grouping sets (({a}, {b}), rollup ({b}), ({a}))",
                "distinct rollup ({a}), cube ({a})",
            )
        )
        group = form.format(a=keys[0], b=keys[1])
        named = [key for key in keys if key in group]
        targets = [tree(key, f" as k{n}") for n, key in enumerate(named)]
        targets.append(tree(f"grouping({', '.join(named)}) as g"))
        calls = [self.random.choice(CALLS) for _ in range(self.random.randint(1, 3))]
        targets += [tree(self.filled(call, level), f" as c{n}") for n, call in enumerate(calls)]
        having = optional(f" having count(*) > {self.random.choice((0, 1, 2))}")
        return tree(
            "select ", listed(targets), " from ", source, self.where(level), f" group by {group}",
            having if self.chance(0.3) else NOTHING,
        )  # fmt: skip

    def windows(self) -> Tree:
        """Window functions under named windows, with frames of every mode."""
        level = Level()
        source = self.primary_table(level)
        key = level.items[0].alias + ".id"
        frame = self.random.choice(FRAMES)
        order: Tree | str = self.random.choice((key, f"{key} desc"))
        if frame.startswith(("range", "groups")):
            order = self.filled(self.random.choice(("{int}", "{int} desc", "{bigint}")), level)
        partition = self.filled(
            self.random.choice(("", "partition by {int} ", "partition by {text}, {bool} ")), level
        )
        calls = ("count({int})", "sum({bigint})", "min({text})", "max({date})", "avg({int})", "bool_and({bool})",
                 "sum({int}) filter (where {bool})", "min({numeric})", "sum({numeric})", "count(*)")  # fmt: skip
        if not frame.startswith(("range", "groups")):
            calls += ("first_value({text})", "last_value({int})", "nth_value({date}, 2)", "lag({int}, 1, 9)",
                      "lead({text}, 2)", "array_agg({int})", "row_number()",
                      "ntile(3)", "string_agg({text}, ',')")  # fmt: skip
        made = [self.random.choice(calls) for _ in range(self.random.randint(1, 3))]
        targets = [
            tree(self.filled(call, level), f" over (w {frame}) as c{n}")
            for n, call in enumerate(made)
        ]
        if not frame:
            targets.append(tree("rank() over w as r"))
        return tree(
            "select ", listed(targets), f", {key} as k from ", source, self.where(level),
            " window w as (", partition, " order by ", order, ")",
        )  # fmt: skip

    def recursion(self) -> Tree:
        """WITH RECURSIVE, with SEARCH and CYCLE."""
        name, column = self.random.choice(list(TABLES)), self.random.choice(("a", "b"))
        word = self.random.choice(("union", "union all"))
        start = self.random.choice(("id < 4", "true", f"{column} is null", "id = 2"))
        clause = self.random.choice(
            (
                "",
                " search depth first by id set path",
                " search breadth first by id, up set path",
                " cycle id set looped using visited",
                " cycle id, up set looped to 'y' default 'n' using visited",
                " search depth first by id set path cycle id set looped using visited",
            )
        )
        end = self.random.choice(
            (
                "select * from r",
                "select id, count(*), max(n) from r group by id",
                "select r.*, q.c from r left join t1 q on q.id = r.up",
                "select count(*) from r where exists (select from r z where z.up = r.id)",
            )
        )
        return tree(
            f"with recursive r(id, up, n) as (select id, {column}, 0 from {name} where {start} {word} "
            f"select x.id, x.{column}, n + 1 from {name} x join r on r.id = x.{column} where n < 3)",
            optional(clause),
            f" {end}",
        )

    def lateral(self) -> Tree:
        """Functions and queries in FROM that read what stands before them."""
        level = Level()
        source = self.primary_table(level)
        alias = level.items[0].alias
        kind = self.random.choice((" cross join lateral ", ", lateral "))
        inner = self.random.choice(
            (
                "unnest(array[{int}, {int}]) with ordinality u(v, n)",
                "generate_series(1, {int}) u(v)",
                "rows from (generate_series(1, 2), unnest(array[{text}])) u(v, w)",
                "jsonb_each(jsonb_build_object('a', {int}, 'b', {text})) u(v, w)",
                "jsonb_to_record(jsonb_build_object('v', {int}, 'w', {text})) u(v int, w text)",
                "(select y.id as v from t3 y where y.a = {int} order by y.id limit 2) u",
                "(select count(*) as v from t2 y where y.c = {text}) u",
                "(values ({int}), (2)) u(v)",
                "regexp_matches({text}, '([ab])', 'g') u(v)",
            )
        )
        made = self.filled(inner, level)
        if self.chance(0.3):
            joined = tree(
                f"select {alias}.id, u.* from ", source, " left join lateral ", made, " on true"
            )
        else:
            joined = tree(f"select {alias}.id, u.* from ", source, kind, made)
        return tree(joined, self.where(level))

    def ordered(self) -> Tree:
        """ORDER BY of expressions, with LIMIT and WITH TIES, over set operations or not."""
        level = Level()
        source = self.table(level)
        key = level.items[0].alias + ".id"
        kind = self.random.choice(TYPES)
        value = self.expression(kind, level, 2)
        order = self.random.choice(("", " desc", " nulls first", " desc nulls last", " using <"))
        tail = self.random.choice(
            (
                "",
                " limit 2",
                " offset 1 fetch next 3 rows only",
                " limit (select 3)",
                " limit null offset 2",
            )
        )
        if self.chance(0.3):
            first = " order by 1 fetch first 2 rows with ties"
            return tree("select ", value, " as v from ", source, self.where(level), first)
        return tree(
            "select ", self.expression("text", level, 1), " as t from ", source, self.where(level),
            " order by ", value, f"{order}, {key}{tail}",
        ) if "join" not in str(source) else tree(
            "select ", value, " as v from ", source, self.where(level), f" order by 1{order}"
        )  # fmt: skip


def _joined(items: list[Tree]) -> Tree:
    parts: list[str | Tree] = []
    for number, item in enumerate(items):
        parts += [", ", item] if number else [item]
    return Tree(tuple(parts))
