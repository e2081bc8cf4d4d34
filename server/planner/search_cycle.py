"""SEARCH and CYCLE: columns that a recursive query gets beside its own.

Rule 1: the sequence column of DEPTH FIRST is the array of the rows that led to a row, of BREADTH
        FIRST the number of rounds and the row.
Rule 2: the mark column says whether the row had been met on the path that led to it; rows that are
        marked lead to no others.
Rule 3: the recursive term sees the columns of the row it starts from by name, but * does not mean
        them; so it is bound with targets for them, and what they become is computed above it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.errors import DuplicateColumn, FeatureNotSupported, SqlSyntaxError, UndefinedFunction
from server.expressions.expression import Case, Expression, RowConstructor, transform
from server.oids import BOOL, INT8, RECORD, RECORD_ARRAY
from server.planner.bind_operator import make_operator
from server.planner.bind_order import is_comparable
from server.planner.bind_text import bind_catalog_expression
from server.planner.coerce import coerce_or_fail
from server.planner.common_types import common_type
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Columns, Filter, Node, OutputColumn, Project
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.planner.type_facts import type_name
from server.sql import nodes
from server.sql.quoting import quote_identifier

if TYPE_CHECKING:
    from sqlglot import exp

DEPTH = "*DEPTH*"
"""The first field of a breadth-first sequence column: the number of rounds."""


@dataclass(frozen=True, slots=True)
class ExtraColumns:
    """What SEARCH and CYCLE of one WITH query ask for."""

    context: BindContext
    own: Columns  # the query's own columns, with their names
    search: exp.Expression | None
    cycle: exp.Expression | None
    mark_value: Expression | None
    mark_default: Expression | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns added."""
        found: list[str] = []
        if self.search is not None:
            found.append(self.search.args["sequence_column"])
        if self.cycle is not None:
            found += [self.cycle.args["mark_column"], self.cycle.args["path_column"]]
        return tuple(found)

    def columns(self) -> Columns:
        """The added columns under new numbers."""
        types = []
        if self.search is not None:
            breadth = self.search.args.get("breadth_first")
            types.append(self.context.type(RECORD if breadth else RECORD_ARRAY))
        if self.mark_value is not None:
            types += [self.mark_value.type, self.context.type(RECORD_ARRAY)]
        first = self.context.new_column(len(types))
        columns = tuple(
            OutputColumn(first + number, kind, name)
            for number, (kind, name) in enumerate(zip(types, self.names, strict=True))
        )
        self.note_sequence(columns)
        return columns

    def note_sequence(self, columns: Columns) -> None:
        """Remember the type of the first field of a breadth-first sequence column."""
        if columns and columns[0].type.oid == RECORD:
            self.context.record_columns[columns[0].column] = ((DEPTH, INT8, -1),)

    def first(self, node: Node, columns: Columns) -> Node:
        """The non-recursive term with its columns and the added ones."""
        return self._extended(node, columns, ())

    def recursive(self, node: Node, columns: Columns, read: Columns) -> Node:
        """The recursive term with the added columns; read: those of the row it started from."""
        if self.cycle is not None and self.mark_value is not None:
            mark = read[-2].variable()
            condition = make_operator(self.context, "<>", mark, self.mark_value)
            node = Filter(input=node, condition=condition)
        self.note_sequence(read)
        return self._extended(node, columns, read)

    def _extended(self, node: Node, columns: Columns, read: Columns) -> Node:
        named = [
            RangeColumn(own.name, column.variable())
            for own, column in zip(self.own, columns, strict=True)
        ]
        named += [RangeColumn(column.name, column.variable()) for column in read]
        scope = Scope(items=[RangeItem(alias="", listed=tuple(named))])
        values: list[Expression] = [column.variable() for column in columns]
        values += self._sequence(scope, bool(read))
        values += self._cycle(scope, bool(read))
        outputs = tuple(OutputColumn(self.context.new_column(), each.type) for each in values)
        return Project(input=node, outputs=outputs, expressions=tuple(values))

    def _sequence(self, scope: Scope, recursive: bool) -> list[Expression]:
        if self.search is None:
            return []
        listed = _listed(self.search)
        names = tuple(self.search.args["columns"])
        sequence = quote_identifier(self.search.args["sequence_column"])
        if self.search.args.get("breadth_first"):
            level = f'({sequence})."{DEPTH}" + 1' if recursive else "0::int8"
            text, names = f"ROW({level}, {listed})", (DEPTH, *names)
        else:
            text = _path(sequence, listed, recursive)
        return [_with_fields(bind_catalog_expression(self.context, scope, text), names)]

    def _cycle(self, scope: Scope, recursive: bool) -> list[Expression]:
        if self.cycle is None or self.mark_value is None or self.mark_default is None:
            return []
        listed = _listed(self.cycle)
        path = quote_identifier(self.cycle.args["path_column"])
        bound = bind_catalog_expression(self.context, scope, _path(path, listed, recursive))
        whole = _with_fields(bound, tuple(self.cycle.args["columns"]))
        if not recursive:
            return [self.mark_default, whole]
        met = bind_catalog_expression(self.context, scope, f"ROW({listed}) = ANY({path})")
        marked = Case(
            type=self.mark_value.type,
            branches=((met, self.mark_value),),
            otherwise=self.mark_default,
        )
        return [marked, whole]


def _listed(clause: exp.Expression) -> str:
    return ", ".join(quote_identifier(name) for name in clause.args["columns"])


def _path(column: str, listed: str, recursive: bool) -> str:
    step = f"ARRAY[ROW({listed})]"
    return f"pg_catalog.array_cat({column}, {step})" if recursive else step


def _with_fields(expression: Expression, names: tuple[str, ...]) -> Expression:
    """The expression with names for the fields of the rows in it."""

    def named(node: Expression) -> Expression:
        return replace(node, names=names) if isinstance(node, RowConstructor) else node

    return transform(expression, named)


def bind_extra_columns(
    context: BindContext, scope: Scope, node: exp.Expression, own: Columns
) -> ExtraColumns:
    """What SEARCH and CYCLE of a WITH query ask for, checked."""
    search, cycle = node.args.get("search"), node.args.get("cycle")
    names = [column.name for column in own]
    if search is not None:
        _check_columns(context, search, names, "search")
        _check_new(context, search, "sequence_column", "search sequence", names)
    value = default = None
    if cycle is not None:
        _check_columns(context, cycle, names, "cycle")
        value, default = _marks(context, scope, cycle)
        _check_new(context, cycle, "mark_column", "cycle mark", names)
        _check_new(context, cycle, "path_column", "cycle path", names)
        _check_apart(context, cycle, search)
    return ExtraColumns(context, own, search, cycle, value, default)


def check_form(context: BindContext, node: exp.Expression, recursive: bool) -> None:
    """Refuse SEARCH and CYCLE on what is not a recursive UNION of two SELECTs."""
    clause = node.args.get("search") or node.args.get("cycle")
    if clause is None:
        return
    if not recursive:
        raise raise_at(context, node, SqlSyntaxError("WITH query is not recursive"))
    for side, refusal in (("left", FeatureNotSupported), ("right", SqlSyntaxError)):
        branch = node.args["query"].args[side]
        if not isinstance(branch, nodes.Select | nodes.Values):
            message = (
                f"with a SEARCH or CYCLE clause, the {side} side of the UNION must be a SELECT"
            )
            raise refusal(message)


def with_extra_targets(
    context: BindContext, branch: exp.Expression, name: str, columns: tuple[str, ...]
) -> nodes.Select:
    """The recursive term with targets for the added columns of the row it starts from."""
    items = branch.args.get("from_items") or []
    alias = next((each for item in items if (each := _self_alias(item, name))), "")
    if not alias or _is_hidden(branch, name):
        error = FeatureNotSupported(
            "with a SEARCH or CYCLE clause, the recursive reference to WITH query "
            f'"{name}" must be at the top level of its right-hand SELECT'
        )
        raise raise_at(context, branch, error)
    added = [
        nodes.Target(this=nodes.ColumnReference(parts=(alias, column)), alias=None)
        for column in columns
    ]
    if context.resolution is not None:
        for target in added:
            context.resolution.keep(target)
    # The parts are shared with the tree that was parsed, whose nodes go on being what they were.
    result = nodes.Select()
    result.args = {**branch.args, "targets": [*branch.args["targets"], *added]}
    return result


def _is_hidden(branch: exp.Expression, name: str) -> bool:
    clause = branch.args.get("with_clause")
    return clause is not None and any(
        each.args["name"] == name for each in clause.args["expressions"]
    )


def _self_alias(item: exp.Expression, name: str) -> str:
    """What the recursive query is called in an item of FROM; "" where it is not there."""
    if isinstance(item, nodes.TableReference) and item.args["parts"] == (name,):
        return item.args.get("alias") or name
    if isinstance(item, nodes.Join):
        return _self_alias(item.args["left"], name) or _self_alias(item.args["right"], name)
    return ""


def _check_columns(
    context: BindContext, clause: exp.Expression, names: list[str], word: str
) -> None:
    seen: set[str] = set()
    for name in clause.args["columns"]:
        if name not in names:
            message = f'{word} column "{name}" not in WITH query column list'
            raise raise_at(context, clause, SqlSyntaxError(message))
        if name in seen:
            message = f'{word} column "{name}" specified more than once'
            raise raise_at(context, clause, DuplicateColumn(message))
        seen.add(name)


def _check_new(
    context: BindContext, clause: exp.Expression, part: str, words: str, names: list[str]
) -> None:
    name = clause.args[part]
    if name in names:
        message = f'{words} column name "{name}" already used in WITH query column list'
        raise raise_at(context, clause, SqlSyntaxError(message))


def _check_apart(
    context: BindContext, cycle: exp.Expression, search: exp.Expression | None
) -> None:
    """Refuse one name for two of the added columns."""
    named = [("cycle mark", cycle, "mark_column"), ("cycle path", cycle, "path_column")]
    pairs = [(named[0], named[1])]
    if search is not None:
        first = ("search sequence", search, "sequence_column")
        pairs += [(first, named[0]), (first, named[1])]
    for (word, one, part), (other_word, other, other_part) in pairs:
        if one.args[part] == other.args[other_part]:
            message = f"{word} column name and {other_word} column name are the same"
            raise raise_at(context, one, SqlSyntaxError(message))


def _marks(
    context: BindContext, scope: Scope, cycle: exp.Expression
) -> tuple[Expression, Expression]:
    """The values of the mark column, of one type."""
    from server.planner.bind_expression import bind_expression

    written = [cycle.args[part] for part in ("mark_value", "mark_default") if cycle.args.get(part)]
    if not written:
        return context.constant(BOOL, True), context.constant(BOOL, False)
    bound = [bind_expression(context, scope, each) for each in written]
    oid = common_type(context, bound, "CYCLE")
    value, default = (coerce_or_fail(context, each, oid, "CYCLE") for each in bound)
    if not is_comparable(context, oid):
        shown = type_name(context, oid)
        message = f"could not identify an equality operator for type {shown}"
        raise UndefinedFunction(message)
    return value, default
