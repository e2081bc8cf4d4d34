"""The speller: a query or expression said in full, with the names that objects have in a catalog.

The counterpart of PostgreSQL's ruleutils.c, which prints a view from its analysed query. Here the
text is what is kept, and the tree is that of the text with what binding noted of it.

Rule 1: stars are spelled out, columns carry the name of their FROM item, relations and types of
        users their schema, literals their type; casts that the binder added are written.
Rule 2: output columns are called what they were called when the view was made.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from server.catalog.collations import Collation
from server.catalog.objects import PG_CATALOG_OID, Sequence, Table
from server.catalog.routine_objects import UserFunction
from server.expressions.expression import And, Call, Case, Constant, Or, Relabel
from server.identifiers import BY_OID, type_by_oid
from server.oids import ANY, FIRST_USER_OID, INT8, TEXT, UNKNOWN, VARCHAR
from server.planner.deparse import constant_text, type_text
from server.planner.from_names import FromNames
from server.planner.names import UNNAMED, target_name
from server.planner.operator_text import said_operator
from server.sql import nodes
from server.sql.deparse_xml import SYNTAXES_OF_XML
from server.sql.parse import parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.catalog_view import CatalogView
    from server.planner.resolution import Field, Place, Resolution
    from server.planner.scope import RangeColumn, RangeItem
    from server.types.type import TypeReference

CONSTANT_CLAUSES = ("limit", "offset")
"""Clauses whose implicit casts are not shown: they are cast to bigint whatever stands there."""

KEYWORDS = {"extract": 0, "normalize": 1, "is_normalized": 1}
"""Which argument of a function with a syntax of its own is a word and no value."""


class Speller:
    """Writes a resolved tree anew; the tree itself is not changed."""

    def __init__(self, resolution: Resolution, catalog: CatalogView) -> None:
        self._notes = resolution
        self._catalog = catalog
        self._from = FromNames(resolution, catalog)

    def whole(self, node: exp.Expression, names: tuple[str, ...]) -> exp.Expression:
        """A query that is not part of another; names: of its columns."""
        self._from.add(node)
        return self.query(node, names)

    def query(
        self, node: exp.Expression, names: tuple[str, ...] = (), *, visible: bool = True
    ) -> exp.Expression:
        """A query. Visible: somebody sees the names of its columns; names: other names for them."""
        if isinstance(node, nodes.Select):
            return self._select(node, names, visible)
        if isinstance(node, nodes.SetOperation):
            made = self._copy(node, but=("left", "right"))
            made.set("left", self.query(node.args["left"], names, visible=visible))
            made.set("right", self.query(node.args["right"], names, visible=False))
            return made
        made = self._copy(node)
        own = tuple(f"column{number}" for number in range(1, len(names) + 1))
        return made if names == own[: len(names)] else _named_values(made, names)

    def expression(self, node: exp.Expression, *, casts: bool = True) -> exp.Expression:
        """An expression that stands alone; casts: with those that its surroundings asked for."""
        self._from.add(node)
        return self._node(node, casts=casts)

    def _select(
        self, node: exp.Expression, names: tuple[str, ...], visible: bool
    ) -> exp.Expression:
        made = self._copy(node, but=("targets", *CONSTANT_CLAUSES))
        made.set("targets", self._target_list(node.args["targets"], names, visible=visible))
        for table in (each for lock in made.args["locks"] for each in lock.args["tables"] or ()):
            written = str(table.args["parts"][-1])
            table.set("parts", (self._from.locked.get((id(node), written), written),))
        for clause in CONSTANT_CLAUSES:
            value = node.args.get(clause)
            if value is not None:
                is_null = isinstance(value, exp.Null)  # said without its type
                made.set(clause, value if is_null else self._node(value, casts=False))
        return made

    def _target_list(
        self, written: list[exp.Expression], names: tuple[str, ...] = (), *, visible: bool = True
    ) -> list[exp.Expression]:
        targets = [each for target in written for each in self._targets(target)]
        shown = names or tuple(name for name, _ in targets)
        return [
            nodes.Target(this=tree, alias=None if _is_called(tree, name, visible) else name)
            for (_, tree), name in zip(targets, shown, strict=False)
        ]

    def _targets(self, node: exp.Expression) -> Iterable[tuple[str, exp.Expression]]:
        inner = node.args["this"]
        star = self._notes.stars.get(id(inner))
        if star is not None:
            return [(column.name, self._place((item, column))) for item, column in star]
        fields = self._notes.row_stars.get(id(inner))
        if fields is not None:
            return [(field[0], self._field(inner, field)) for field in fields]
        return [(node.args.get("alias") or target_name(inner), self._listed(inner))]

    def _listed(self, node: exp.Expression) -> exp.Expression:
        """An expression in a list of columns, where item.* alone would be all columns of the item."""
        made = self._node(node)
        if id(node) in self._notes.rows:
            made = exp.Cast(this=made, to=self._type(self._notes.bound[id(node)].type))
        return made

    def row(self, node: exp.Expression) -> exp.Expression:
        """ROW(...), or a row of VALUES."""
        made = self._copy(node, but=("arguments",))
        made.set("arguments", [one for each in node.args["arguments"] for one in self._items(each)])
        return made

    def _items(self, node: exp.Expression) -> list[exp.Expression]:
        """What an element of a list stands for: several columns for item.*."""
        star, fields = self._notes.stars.get(id(node)), self._notes.row_stars.get(id(node))
        if fields is not None:
            return [self._field(node, field) for field in fields]
        if star is None:
            return [self._listed(node)]
        return [self._place((item, column)) for item, column in star]

    def _node(self, node: exp.Expression, *, casts: bool = True) -> exp.Expression:
        """A node with the casts its surroundings asked for."""
        chosen = self._notes.chosen.get(id(node))
        if chosen is not None:
            return self._chosen(*chosen)
        made = said_operator(node, self._notes.bound.get(id(node)), self._catalog, self._node)
        if made is None:
            speller = _SPELLERS.get(type(node))
            made = self._copy(node) if speller is None else speller(self, node)
        return self._cast(node, made, casts)

    def _chosen(self, target: Any, position: int) -> exp.Expression:
        """An output column that ORDER BY or GROUP BY names or counts."""
        written = self._notes.written.get(id(target))
        if written is None:
            return nodes.IntegerConstant(this=str(position))
        return self._place(written) if isinstance(written, tuple) else self._node(written)

    def _copy(self, node: exp.Expression, but: tuple[str, ...] = ()) -> exp.Expression:
        """A node of the same kind with its parts written anew."""
        parts = {
            name: self._part(value) if name not in but else None
            for name, value in node.args.items()
        }
        made: exp.Expression = type(node)(**parts)
        return made

    def _part(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._part(each) for each in value]
        return self._node(value) if isinstance(value, exp.Expression) else value

    # Casts and constants

    def _cast(self, node: exp.Expression, made: exp.Expression, casts: bool) -> exp.Expression:
        steps = self._notes.steps(node)
        if not steps:
            return made
        first, final = steps[0], steps[-1]
        if isinstance(final, Constant) and first.type.oid == UNKNOWN:
            return self._constant(final)
        if isinstance(first, Constant) and (_is_negative(node) or _is_typed_literal(node)):
            made = self._constant(first)
        if not casts or final.type.oid in (first.type.oid, UNKNOWN):
            return made
        return exp.Cast(this=made, to=self._type(replace(final.type, modifier=-1)))

    def _constant(self, constant: Constant) -> exp.Expression:
        return parse_expression(constant_text(self._qualified(constant.type), constant.value))

    def _qualified(self, reference: TypeReference) -> TypeReference:
        """A type whose name means the same whatever it is called later."""
        if reference.oid < FIRST_USER_OID:
            return reference
        element = self._catalog.element_of_array(reference.oid)
        name = type_by_oid(reference.oid if element is None else element)
        name += "" if element is None else "[]"
        return replace(reference, type=replace(reference.type, sql_name=name))

    def collation(self, node: exp.Expression) -> exp.Expression:
        """COLLATE; a user's collation with its schema."""
        made = self._copy(node)
        for step in self._notes.steps(node):
            found = self._catalog.object(step.type.collation)
            if isinstance(step, Relabel) and step.collates and isinstance(found, Collation):
                home = self._catalog.object(found.schema)
                made.set("name", ("" if home is None else home.name, found.name))
        return made

    def _type(self, reference: TypeReference) -> exp.Expression:
        return _type_name(type_text(self._qualified(reference)))

    # Columns and FROM

    def _place(self, place: Place) -> exp.Expression:
        item, column = place
        if item is None:
            return _column(column.name)
        name = self._from.columns.get((item.source, column.name)) or self._column_name(item, column)
        alias = self._alias(item)
        return _column(alias, name) if alias else _column(name)

    def _column_name(self, item: RangeItem, column: RangeColumn) -> str:
        """What a column of an item that is not of FROM is called now, unless the statement calls it something else."""
        before, (relation, number) = item.table, column.origin
        now = None if before is None else self._catalog.object(before.oid)
        if before is None or relation != before.oid or not isinstance(now, Table):
            return column.name
        if not 1 <= number <= len(now.columns) or before.columns[number - 1].name != column.name:
            return column.name
        return now.columns[number - 1].name

    def _alias(self, item: RangeItem) -> str:
        """What a FROM item is called: a table without an alias by its name of now."""
        named = self._from.aliases.get(item.source)
        if named is not None and item.alias:
            return named
        if item.table is None or item.alias != item.table.name or item.alias == "excluded":
            return item.alias
        now = self._catalog.object(item.table.oid)
        return item.alias if now is None else now.name

    def column(self, node: exp.Expression) -> exp.Expression:
        """A name of a column."""
        item = self._notes.rows.get(id(node))
        if item is not None:
            return nodes.ColumnReference(parts=(self._alias(item),), star=True)
        if id(node) in self._notes.parameters:
            return self._parameter(node)
        place = self._notes.columns.get(id(node))
        if place is None or place[0] is None:
            return self._copy(node)
        return self._place(place)

    def _parameter(self, node: exp.Expression) -> exp.Expression:
        """A name of a parameter of a routine, or of a field of it."""
        number, is_field = self._notes.parameters[id(node)]
        parameter = nodes.ParameterReference(this=number)
        if not is_field:
            return parameter
        return nodes.FieldSelection(this=parameter, name=node.args["parts"][-1], star=False)

    def field(self, node: exp.Expression) -> exp.Expression:
        """(row).field."""
        return self._field(node, self._notes.fields.get(id(node), (node.args["name"], (0, 0))))

    def _field(self, node: exp.Expression, field: Field) -> exp.Expression:
        """A field of a row, by the name that it has now; of the row of a FROM item: its column."""
        name, origin = field
        item = self._notes.rows.get(id(node.args.get("this")))
        for column in () if item is None else item.columns():
            if column.name == name:
                return self._place((item, column))
        table = self._catalog.object(origin[0])
        if isinstance(table, Table):
            name = table.column(origin[1]).name
        if id(node) in self._notes.parameters:
            return nodes.FieldSelection(this=self._parameter(node), name=name, star=False)
        made = self._copy(node)
        made.set("name", name)
        made.set("star", False)
        return made

    def relation(self, node: exp.Expression) -> exp.Expression:
        """A relation in FROM; what is no relation is a common table."""
        made = self._copy(node)
        before = self._notes.relations.get(id(node))
        found = self._catalog.object(before.oid) if before is not None else None
        own = str(node.args["parts"][-1])
        if before is not None and isinstance(found, Table | Sequence):
            own = found.name
            if made.args.get("alias") == before.name:
                made.set("alias", "")
            schema = self._catalog.object(found.schema)
            is_plain = schema is None or schema.oid == PG_CATALOG_OID
            made.set("parts", (own,) if is_plain or schema is None else (schema.name, own))
        alias = self._from.aliases.get(id(node), made.args.get("alias") or own)
        is_said = alias != own or made.args.get("alias") == own
        made.set("alias", alias if is_said or id(node) in self._from.lists else "")
        return self._listed_names(node, made)

    def _listed_names(self, node: exp.Expression, made: exp.Expression) -> exp.Expression:
        """The item with the names of its columns, where they are not those it has anyway."""
        if id(node) in self._from.aliases:
            made.set("column_aliases", self._from.lists.get(id(node), ()))
        return made

    def function_table(self, node: exp.Expression) -> exp.Expression:
        """A function in FROM, with the names of its columns; LATERAL, if it is that."""
        made = self._copy(node)
        if id(node) in self._notes.beside:
            made.set("lateral", True)
        item = self._notes.functions.get(id(node))
        if item is not None and not node.args.get("columns"):
            made.set("alias", self._alias(item))
            names = tuple(column.name for column in item.columns())
            made.set("column_aliases", self._from.lists.get(id(node), names))
        return made

    def rows_from_item(self, node: exp.Expression) -> exp.Expression:
        """One function in FROM."""
        made = self._copy(node, but=("this",))
        made.set("this", self._kept_cast(node.this))
        return made

    def _kept_cast(self, node: exp.Expression) -> exp.Expression:
        """A node; a cast stays one even if it changes nothing, where what is cast cannot stand alone."""
        if not isinstance(node, exp.Cast) or node.this is None:
            return self._node(node)
        return exp.Cast(this=self._node(node.this), to=self._part(node.args["to"]))

    def quantified(self, node: exp.Expression) -> exp.Expression:
        """A comparison with the elements of an array; a query alone would be one with its rows."""
        right = node.args["right"]
        if not isinstance(right, exp.Cast) or not isinstance(right.this, nodes.SubLink):
            return self._copy(node)
        made = self._copy(node, but=("right",))
        made.set("right", self._kept_cast(right))
        return made

    def type_name(self, node: exp.Expression) -> exp.Expression:
        """A type as written."""
        found = self._notes.types.get(id(node))
        if found is None or found.oid < FIRST_USER_OID:
            return self._copy(node)
        return self._type(found)

    def join(self, node: exp.Expression) -> exp.Expression:
        """A join; NATURAL becomes USING, as columns may come to have the same name later."""
        made = self._copy(node)
        using = self._from.merged.get(id(node)) or self._notes.merged.get(id(node), ())
        made.set("natural", False)
        if using:
            made.set("using", using)
        elif node.args.get("natural"):  # no column has a namesake, and none will get one
            if node.args["kind"] == "inner":
                made.set("kind", "cross")
            else:
                made.set("condition", parse_expression("true"))
        if id(node) in self._from.aliases:
            made.set("alias", self._from.aliases[id(node)])
        return self._listed_names(node, made)

    def frame_bound(self, node: exp.Expression) -> exp.Expression:
        """An end of a window's frame, whose implicit cast is not shown."""
        made = self._copy(node, but=("offset",))
        if node.args.get("offset") is not None:
            made.set("offset", self._node(node.args["offset"], casts=False))
        return made

    def derived(self, node: exp.Expression) -> exp.Expression:
        """A query in FROM or WITH."""
        made = self._copy(node, but=("query",))
        made.set("query", self.query(node.args["query"]))
        if id(node) in self._from.aliases:
            made.set("alias", self._from.aliases[id(node)])
        return self._listed_names(node, made)

    # Expressions that show casts in ways of their own

    def sublink(self, node: exp.Expression) -> exp.Expression:
        """A query in an expression."""
        made = self._copy(node, but=("query",))
        made.set("query", self.query(node.args["query"], visible=False))
        test = node.args.get("test")
        if test is not None and id(test) in self._notes.rows:
            made.set("test", self._node(test, casts=False))
        return made

    def explicit_cast(self, node: exp.Expression) -> exp.Expression:
        """A cast, whose operand needs no other."""
        operand, bound = node.this, self._notes.bound.get(id(node))
        if operand is None or bound is None:
            return self._copy(node)
        if self._gives_items(operand, bound.type):
            return self._copy(operand)
        if self._notes.steps(operand)[:1] == []:
            return self._copy(node)
        speller = _SPELLERS.get(type(operand))
        inner = self._copy(operand) if speller is None else speller(self, operand)
        is_idle = self._notes.bound[id(operand)].type == bound.type
        if is_idle and id(operand) not in self._notes.rows:
            return self._cast(operand, inner, casts=True)
        made = self._copy(node, but=("this",))
        made.set("this", inner)
        return made

    def _gives_items(self, operand: exp.Expression, kind: TypeReference) -> bool:
        """Whether an array is written item by item, each cast to what the array is cast to."""
        if not isinstance(operand, nodes.ArrayConstructor) or kind.type.element_oid == 0:
            return False
        steps = [self._notes.steps(each) for each in operand.args["arguments"]]
        return bool(steps) and all(
            each and each[-1].type.oid == kind.type.element_oid for each in steps
        )

    def number(self, node: exp.Expression) -> exp.Expression:
        """A bit string, or an integer: one that is too large for int4 says its type."""
        steps = self._notes.steps(node)
        is_said = not isinstance(node, nodes.IntegerConstant) or (
            bool(steps) and steps[0].type.oid == INT8
        )
        if steps and is_said and isinstance(steps[0], Constant):
            return self._constant(steps[0])
        return self._copy(node)

    def comparison(self, node: exp.Expression) -> exp.Expression:
        """Two rows that are compared for equality are compared column by column."""
        left, right = node.this, node.expression
        if not all(isinstance(each, nodes.RowConstructor) for each in (left, right)):
            return self._copy(node)
        pairs = zip(left.args["arguments"], right.args["arguments"], strict=True)
        bound = self._notes.bound.get(id(node))
        each = bound.arguments if isinstance(bound, And | Or) else ()
        tests = [
            self._pair(node, one, other, part)
            for (one, other), part in zip_longest(pairs, each[: len(left.args["arguments"])])
        ]
        if len(tests) < 2:
            return tests[0] if tests else self._copy(node)
        return (nodes.And if isinstance(node, exp.EQ) else nodes.Or)(arguments=tests)

    def _pair(
        self, node: exp.Expression, one: exp.Expression, other: exp.Expression, part: Any
    ) -> exp.Expression:
        """The comparison of two columns of rows; part: what it was bound to."""
        written = type(node)(this=one.copy(), expression=other.copy())
        spelled = {id(written.this): self._node(one), id(written.expression): self._node(other)}
        said = said_operator(written, part, self._catalog, lambda each: spelled[id(each)])
        return said or type(node)(this=self._node(one), expression=self._node(other))

    def table_sample(self, node: exp.Expression) -> exp.Expression:
        """TABLESAMPLE, whose arguments show no implicit casts."""
        made = self._copy(node, but=("arguments", "repeatable"))
        made.set("arguments", [self._node(each, casts=False) for each in node.args["arguments"]])
        if node.args.get("repeatable") is not None:
            made.set("repeatable", self._node(node.args["repeatable"], casts=False))
        return made

    def call(self, node: exp.Expression) -> exp.Expression:
        """A function, a user's by OID; one with a syntax of its own, but for XML, shows no implicit casts."""
        is_xml = node.args["name"][-1] in SYNTAXES_OF_XML
        if not node.args.get("sql_syntax") or is_xml or self._is_pattern(node):
            made = self._copy(node)
            made.set("sql_syntax", is_xml and node.args.get("sql_syntax"))
            made.set("arguments", self._arguments(node, made.args["arguments"]))
            oid = self._notes.routines.get(id(node))
            if oid is not None and isinstance(self._catalog.object(oid), UserFunction):
                made.set("name", (BY_OID, str(oid)))
            return made
        made = self._copy(node, but=("arguments",))
        keyword = KEYWORDS.get(node.args["name"][-1])
        arguments = [
            self._copy(each) if position == keyword else self._node(each, casts=False)
            for position, each in enumerate(node.args["arguments"])
        ]
        made.set("arguments", arguments)
        return made

    def _is_pattern(self, node: exp.Expression) -> bool:
        """Whether it is SUBSTRING(text FROM pattern), which PostgreSQL shows as a plain call."""
        bound = self._notes.bound.get(id(node))
        is_known = isinstance(bound, Call) and bound.function.arguments == (TEXT, TEXT)
        return is_known and node.args["name"][-1] == "substring"

    def _arguments(self, node: exp.Expression, made: list[exp.Expression]) -> list[exp.Expression]:
        """Arguments of a call: where any type will do, a literal is left without one."""
        bound = self._notes.bound.get(id(node))
        function = bound.function if isinstance(bound, Call) else None
        if function is None or ANY not in (*function.arguments, function.variadic):
            return made
        declared = function.arguments[: -1 if function.variadic else None]
        kinds = (*declared, *(function.variadic for _ in made))
        return [
            self._copy(each) if kind == ANY and isinstance(each, nodes.StringConstant) else shown
            for each, shown, kind in zip(node.args["arguments"], made, kinds, strict=False)
        ]

    def case(self, node: exp.Expression) -> exp.Expression:
        """CASE, whose ELSE is always written."""
        made = self._copy(node)
        bound = self._notes.bound.get(id(node))
        if node.args.get("default") is None and isinstance(bound, Case):
            made.set("default", self._constant(Constant(type=bound.type, value=None)))
        return made

    def in_list(self, node: exp.Expression) -> exp.Expression:
        """IN; a list of varchar that is compared as text is cast as a whole."""
        steps = [self._notes.steps(each) for each in node.args.get("expressions") or []]
        kinds = [[step.type.oid for step in each if step.type.oid != UNKNOWN] for each in steps]
        if not kinds or any(each[-2:] != [VARCHAR, TEXT] for each in kinds):
            return self._copy(node)
        items = [
            self._constant(each[-2]) if isinstance(each[-2], Constant) else self._copy(written)
            for each, written in zip(steps, node.args["expressions"], strict=True)
        ]
        array = exp.Cast(this=nodes.ArrayConstructor(arguments=items), to=_type_name("text[]"))
        return nodes.QuantifiedComparison(
            operator=("=",), left=self._node(node.this), right=array, all=False
        )


_SPELLERS: dict[type[exp.Expression], Callable[[Speller, exp.Expression], exp.Expression]] = {
    nodes.ColumnReference: Speller.column,
    nodes.FieldSelection: Speller.field,
    nodes.TableReference: Speller.relation,
    nodes.FunctionTable: Speller.function_table,
    nodes.TypeName: Speller.type_name,
    nodes.Collation: Speller.collation,
    nodes.Join: Speller.join,
    nodes.FrameBound: Speller.frame_bound,
    nodes.DerivedTable: Speller.derived,
    nodes.CommonTableExpression: Speller.derived,
    nodes.SubLink: Speller.sublink,
    nodes.RowsFromItem: Speller.rows_from_item,
    nodes.QuantifiedComparison: Speller.quantified,
    nodes.RowConstructor: Speller.row,
    nodes.ValuesRow: Speller.row,
    nodes.FunctionCall: Speller.call,
    exp.Cast: Speller.explicit_cast,
    exp.Case: Speller.case,
    exp.In: Speller.in_list,
    exp.EQ: Speller.comparison,
    exp.NEQ: Speller.comparison,
    nodes.BitConstant: Speller.number,
    nodes.IntegerConstant: Speller.number,
    nodes.TableSample: Speller.table_sample,
}


@lru_cache(maxsize=500)
def _type_tree(text: str) -> exp.Expression:
    tree: exp.Expression = parse_expression(f"NULL::{text}").args["to"]
    return tree


def _type_name(text: str) -> exp.Expression:
    return _type_tree(text).copy()


def _is_negative(node: exp.Expression) -> bool:
    """Whether the node is a number with a minus sign."""
    is_number = isinstance(node, nodes.IntegerConstant | nodes.NumericConstant)
    return isinstance(node, exp.Neg) or (is_number and str(node.this).startswith("-"))


def _is_typed_literal(node: exp.Expression) -> bool:
    """Whether the node is a literal with its type told."""
    if not isinstance(node, exp.Cast) or not isinstance(node.this, nodes.StringConstant):
        return False
    return not node.args["to"].args.get("modifiers")


def _column(*parts: str) -> exp.Expression:
    return nodes.ColumnReference(parts=parts, star=False)


def _is_called(tree: exp.Expression, name: str, visible: bool) -> bool:
    """Whether an output column has that name without AS."""
    if isinstance(tree, nodes.ColumnReference) and not tree.args.get("star"):
        return bool(tree.args["parts"][-1] == name)
    return not visible and name == UNNAMED


def _named_values(values: exp.Expression, names: tuple[str, ...]) -> exp.Expression:
    """VALUES whose columns have other names than their own."""
    alias = "*VALUES*"
    targets = [
        nodes.Target(this=_column(alias, f"column{number}"), alias=name)
        for number, name in enumerate(names, 1)
    ]
    source = nodes.DerivedTable(query=values, lateral=False, alias=alias, column_aliases=())
    query: dict[str, object] = dict.fromkeys(nodes.Select.arg_types)
    query |= {
        "targets": targets,
        "from_items": [source],
        "windows": [],
        "order_by": [],
        "locks": [],
    }
    return nodes.Select(**query)
