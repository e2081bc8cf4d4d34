"""pg_get_...: definitions of objects as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.keywords import keywords
from server.catalog.functions.scope import definer_of, names_of, object_of, session_of, view_of
from server.catalog.objects import Constraint, Index, Sequence, Table, UserType
from server.catalog.partition_text import constraint_text, key_text
from server.catalog.privileges import has_privilege
from server.catalog.qualified import qualified
from server.catalog.rule_definition import return_rule_definition, rule_definition
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.constraints import rule_oid
from server.catalog.views.physical import named_facts
from server.catalog.views.statistics import common_items
from server.catalog.views.values import texts
from server.catalog.visibility import find_relation
from server.catalog.written_names import split_identifiers
from server.errors import (
    InsufficientPrivilege,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.types.array import Array


def _expression(call: CallContext, text: str, relation: int, pretty: bool = False) -> str:
    if text == "DEFAULT" or text.startswith("FOR VALUES "):
        return text  # the bound of a partition
    return definer_of(call, pretty=pretty).expression(text)


def _index(call: CallContext, oid: int) -> str | None:
    return _index_part(call, oid, 0, pretty=False)


def _index_part(call: CallContext, oid: int, number: int, pretty: bool) -> str | None:
    value = object_of(call, oid, Index)
    if value is None:
        return _builtin_index(call, oid, number)
    definer = definer_of(call, pretty=pretty)
    return definer.index_column(value, number) if number else definer.index(value)


def _builtin_index(call: CallContext, oid: int, number: int) -> str | None:
    """The indexes that PostgreSQL has on its catalogs."""
    view = view_of(call)
    found = next((item for item in named_facts("pg_index") if item["indexrelid"] == oid), None)
    name = next((item["relname"] for item in named_facts("pg_class") if item["oid"] == oid), "")
    table = view.object(found["indrelid"]) if found else None
    if found is None or not isinstance(table, Table):
        return None
    columns = [table.column(number).name for number in found["indkey"].items]
    if number:
        return columns[number - 1] if number <= len(columns) else ""
    unique = "UNIQUE " if found["indisunique"] else ""
    where = qualified(view, table.schema, table.name)
    return f"CREATE {unique}INDEX {name} ON {where} USING btree ({', '.join(columns)})"


def _constraint(call: CallContext, oid: int, pretty: bool = False) -> str | None:
    value = object_of(call, oid, Constraint)
    if value is None:
        return _builtin_constraint(call, oid)
    return definer_of(call, pretty=pretty).constraint(value)


def _builtin_constraint(call: CallContext, oid: int) -> str | None:
    found = next((item for item in named_facts("pg_constraint") if item["oid"] == oid), None)
    if found is None:
        return None
    table = view_of(call).object(found["conrelid"])
    assert isinstance(table, Table), oid
    columns = ", ".join(table.column(number).name for number in found["conkey"].items)
    return f"{'PRIMARY KEY' if found['contype'] == 'p' else 'UNIQUE'} ({columns})"


def _view(call: CallContext, oid: int, pretty: bool = False) -> str | None:
    value = object_of(call, oid, Table)
    if value is None or value.view_query is None:
        return None
    text: str = call.execution.session.printed_query(value.view_query, pretty)
    return f"{text};"


def _view_wrapped(call: CallContext, oid: int, columns: int) -> str | None:
    return _view(call, oid, pretty=True)


def _view_named(call: CallContext, name: str, pretty: bool = False) -> str | None:
    return _view(call, _relation_named(call, name), pretty)


def _relation_named(call: CallContext, name: str) -> int:
    return names_of(call).oid_of("regclass", name)


def _rule(call: CallContext, oid: int, pretty: bool = False) -> str | None:
    session = call.execution.session
    rule = object_of(call, oid, Rule)
    if rule is not None:
        return rule_definition(session, rule, pretty=pretty)
    for value in view_of(call).objects(Table):
        if value.view_query is not None and rule_oid(value.oid) == oid:
            return return_rule_definition(session, value, pretty=pretty)
    return None


def _arguments(call: CallContext, oid: int) -> str | None:
    definer = definer_of(call)
    found = definer.routine(oid)
    return None if found is None else definer.arguments(found)


def _identity_arguments(call: CallContext, oid: int) -> str | None:
    definer = definer_of(call)
    found = definer.routine(oid)
    return None if found is None else definer.arguments(found, identity=True)


def _result(call: CallContext, oid: int) -> str | None:
    definer = definer_of(call)
    found = definer.routine(oid)
    return None if found is None else definer.result(found)


def _function(call: CallContext, oid: int) -> str | None:
    definer = definer_of(call)
    found = definer.routine(oid)
    if found is not None and found["prokind"] == "a":
        raise WrongObjectType(f'"{found["proname"]}" is an aggregate function')
    return None if found is None else definer.function(found)


def _sql_body(call: CallContext, oid: int) -> str | None:
    definer = definer_of(call)
    found = definer.routine(oid)
    return None if found is None or found["prosqlbody"] is None else definer.body(found)


def _argument_default(call: CallContext, oid: int, number: int) -> None:
    """Defaults are shown with the list of arguments only."""


def _serial_sequence(call: CallContext, table_name: str, column_name: str) -> str | None:
    names = names_of(call)
    parts = split_identifiers(table_name)
    table = find_relation(names.view, names.path, parts)
    if not isinstance(table, Table):
        raise UndefinedTable(f'relation "{".".join(parts)}" does not exist')
    column = table.column_named(column_name)
    if column is None:
        raise UndefinedColumn(f'column "{column_name}" of relation "{table.name}" does not exist')
    for sequence in names.view.sequences_of(table.oid):
        if sequence.owned_by == (table.oid, column.number):
            return qualified(names.view, sequence.schema, sequence.name)
    return None


def _sequence_parameters(call: CallContext, oid: int) -> tuple[object, ...] | None:
    value = object_of(call, oid, Sequence)
    if value is None:
        raise UndefinedObject(f"relation with OID {oid} does not exist")
    session = session_of(call)
    if not any(has_privilege(view_of(call), session.user_oid, value, letter) for letter in "rwU"):
        raise InsufficientPrivilege(f"permission denied for sequence {value.name}")
    return (
        value.start,
        value.minimum,
        value.maximum,
        value.increment,
        value.cycle,
        value.cache,
        value.type,
    )


def _trigger(call: CallContext, oid: int, pretty: bool = False) -> str | None:
    value = object_of(call, oid, Trigger)
    if value is None:
        return None
    function = names_of(call).name_of("regproc", value.function) or str(value.function)
    return definer_of(call, pretty=pretty).trigger(value, function)


def _statistics(call: CallContext, oid: int) -> str | None:
    value = object_of(call, oid, ExtendedStatistics)
    return None if value is None else definer_of(call).statistics(value)


def _statistics_columns(call: CallContext, oid: int) -> str | None:
    value = object_of(call, oid, ExtendedStatistics)
    return None if value is None else ", ".join(definer_of(call).statistics_elements(value))


def _statistics_expressions(call: CallContext, oid: int) -> Array | None:
    value = object_of(call, oid, ExtendedStatistics)
    if value is None or not value.expressions:
        return None
    return texts(definer_of(call).expression(each) for each in value.expressions)


def _nothing(call: CallContext, *arguments: object) -> None:
    """For kinds of objects that there are none of: partitions, rules, triggers, statistics."""


def _partition_key(call: CallContext, oid: int) -> str | None:
    table = object_of(call, oid, Table)
    if table is None or table.partition_key is None:
        return None
    return key_text(view_of(call), table)


def _partition_constraint(call: CallContext, oid: int) -> str | None:
    table = object_of(call, oid, Table)
    if table is None or table.bound is None:
        return None
    return constraint_text(view_of(call), table)


def _domain_of(call: CallContext, oid: int) -> int:
    value = object_of(call, oid, UserType)
    return _domain_of(call, value.base_type) if value is not None and value.base_type else oid


FUNCTIONS = (
    row("1716 pg_get_expr(pg_node_tree, oid) text stable context", _expression, "an expression"),
    row(
        "2509 pg_get_expr(pg_node_tree, oid, bool) text stable context",
        _expression,
        "an expression, with true in a form for people",
    ),
    row("1643 pg_get_indexdef(oid) text stable context", _index, "CREATE INDEX of an index"),
    row(
        "2507 pg_get_indexdef(oid, int4, bool) text stable context",
        _index_part,
        "one column of an index; column 0 gives CREATE INDEX",
    ),
    row("1387 pg_get_constraintdef(oid) text stable context", _constraint, "a constraint"),
    row(
        "2508 pg_get_constraintdef(oid, bool) text stable context",
        _constraint,
        "a constraint, with true in a form for people",
    ),
    row("1641 pg_get_viewdef(oid) text stable context", _view, "the query of a view"),
    row(
        "2506 pg_get_viewdef(oid, bool) text stable context",
        _view,
        "the query of a view, with true in a form for people",
    ),
    row(
        "3159 pg_get_viewdef(oid, int4) text stable context",
        _view_wrapped,
        "the query of a view in a form for people",
    ),
    row("1640 pg_get_viewdef(text) text stable context", _view_named, "the query of a view"),
    row(
        "2505 pg_get_viewdef(text, bool) text stable context",
        _view_named,
        "the query of a view, with true in a form for people",
    ),
    row("1573 pg_get_ruledef(oid) text stable context", _rule, "CREATE RULE of a rule"),
    row(
        "2504 pg_get_ruledef(oid, bool) text stable context",
        _rule,
        "CREATE RULE of a rule, with true in a form for people",
    ),
    row("2162 pg_get_function_arguments(oid) text stable context", _arguments, "arguments"),
    row(
        "2232 pg_get_function_identity_arguments(oid) text stable context",
        _identity_arguments,
        "the arguments that tell functions apart",
    ),
    row("2165 pg_get_function_result(oid) text stable context", _result, "the result type"),
    row("2098 pg_get_functiondef(oid) text stable context", _function, "CREATE FUNCTION"),
    row(
        "3808 pg_get_function_arg_default(oid, int4) text stable context",
        _argument_default,
        "the default of an argument",
    ),
    row("6197 pg_get_function_sqlbody(oid) text stable context", _sql_body, "a parsed SQL body"),
    row(
        "1665 pg_get_serial_sequence(text, text) text stable context",
        _serial_sequence,
        "the sequence that a column owns",
    ),
    row(
        "3078 pg_sequence_parameters(sequence_oid oid) record(start_value int8, "
        "minimum_value int8, maximum_value int8, increment int8, cycle_option bool, "
        "cache_size int8, data_type oid) stable context",
        _sequence_parameters,
        "the definition of a sequence",
    ),
    row("1662 pg_get_triggerdef(oid) text stable context", _trigger, "CREATE TRIGGER"),
    row("2730 pg_get_triggerdef(oid, bool) text stable context", _trigger, "CREATE TRIGGER"),
    row("3352 pg_get_partkeydef(oid) text stable context", _partition_key, "the key of partitions"),
    row(
        "3408 pg_get_partition_constraintdef(oid) text stable context",
        _partition_constraint,
        "the constraint of a partition",
    ),
    row("3415 pg_get_statisticsobjdef(oid) text stable context", _statistics, "CREATE STATISTICS"),
    row(
        "6174 pg_get_statisticsobjdef_columns(oid) text stable context",
        _statistics_columns,
        "the columns of a statistics object",
    ),
    row(
        "6173 pg_get_statisticsobjdef_expressions(oid) _text stable context",
        _statistics_expressions,
        "the expressions of a statistics object",
    ),
    row(
        "1686 pg_get_keywords() record(word text, catcode char, barelabel bool, catdesc text, "
        "baredesc text) stable set",
        keywords,
        "the words of SQL",
    ),
    row(
        "3427 pg_mcv_list_items(mcv_list pg_mcv_list) record(index int4, values _text, nulls _bool, "
        "frequency float8, base_frequency float8) stable set strict",
        common_items,
        "common combinations of values of a statistics object",
    ),
)
