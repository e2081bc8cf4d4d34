"""Parse tree to expression nodes: INSERT, UPDATE, DELETE and MERGE."""

from typing import Any, Final

from sqlglot import exp

from server.errors import FeatureNotSupported
from server.sql import nodes
from server.sql.calls import NULLS_FIRST, subscript_element
from server.sql.context import Context, Converters, names
from server.sql.grammar import Node, tree
from server.sql.queries import table, targets, with_clause
from server.sql.utility_statement import options

OVERRIDING: Final[dict[int, str]] = {
    tree.OVERRIDING_USER_VALUE: "user",
    tree.OVERRIDING_SYSTEM_VALUE: "system",
}


def insert(context: Context, message: tree.InsertStmt) -> exp.Expression:
    """Convert INSERT."""
    has_conflict = message.HasField("on_conflict_clause")
    return nodes.Insert(
        with_clause=with_clause(context, message),
        table=table(context, message.relation),
        columns=[assignment_target(context, column.res_target) for column in message.cols],
        query=context.optional(message.select_stmt),
        overriding=OVERRIDING.get(message.override),
        conflict=on_conflict(context, message.on_conflict_clause) if has_conflict else None,
        returning=returning(context, message),
    )


def returning(context: Context, message: Any) -> list[nodes.Target]:
    """Convert RETURNING."""
    clause = message.returning_clause
    if clause.options:
        raise FeatureNotSupported(
            "RETURNING WITH is not supported",
            position=context.position(clause.options[0].returning_option.location),
        )
    return targets(context, clause.exprs)


def assignment_target(context: Context, message: tree.ResTarget) -> nodes.AssignmentTarget:
    """Convert a column that receives a value."""
    steps = [assignment_step(context, step) for step in message.indirection]
    node = nodes.AssignmentTarget(name=message.name, indirection=steps)
    return context.placed(node, message.location)


def assignment_step(context: Context, step: Node) -> exp.Expression:
    """Convert a subscript or field of a column that receives a value."""
    if step.WhichOneof("node") == "a_indices":
        return subscript_element(context, step.a_indices)
    return nodes.FieldName(name=step.string.sval)


def on_conflict(context: Context, message: tree.OnConflictClause) -> nodes.OnConflict:
    """Convert ON CONFLICT."""
    infer = message.infer
    node = nodes.OnConflict(
        action="update" if message.action == tree.ONCONFLICT_UPDATE else "nothing",
        elements=[index_element(context, element.index_elem) for element in infer.index_elems],
        arbiter_where=context.optional(infer.where_clause),
        constraint=infer.conname or None,
        assignments=assignments(context, message.target_list),
        where=context.optional(message.where_clause),
    )
    return context.placed(node, message.location)


def index_element(context: Context, message: tree.IndexElem) -> nodes.IndexElement:
    """Convert a column or expression of an index."""
    return nodes.IndexElement(
        name=message.name or None,
        this=context.optional(message.expr),
        collation=names(message.collation),
        operator_class=names(message.opclass),
        operator_class_options=options(context, message.opclassopts),
        descending=message.ordering == tree.SORTBY_DESC,
        nulls_first=NULLS_FIRST.get(message.nulls_ordering),
    )


def assignments(context: Context, items: Any) -> list[exp.Expression]:
    """Convert SET; the columns of a multiple assignment come one by one, each with the source."""
    result: list[exp.Expression] = []
    for item in items:
        message = item.res_target
        target = assignment_target(context, message)
        if message.val.WhichOneof("node") != "multi_assign_ref":
            node = nodes.Assignment(target=target, value=context.convert(message.val))
            result.append(context.placed(node, message.location))
        elif message.val.multi_assign_ref.colno == 1:
            value = context.convert(message.val.multi_assign_ref.source)
            multiple = nodes.MultipleAssignment(targets=[target], value=value)
            result.append(context.placed(multiple, message.location))
        else:
            result[-1].append("targets", target)
    return result


def update(context: Context, message: tree.UpdateStmt) -> exp.Expression:
    """Convert UPDATE."""
    return nodes.Update(
        with_clause=with_clause(context, message),
        table=table(context, message.relation),
        assignments=assignments(context, message.target_list),
        from_items=context.all(message.from_clause),
        where=context.optional(message.where_clause),
        returning=returning(context, message),
    )


def delete(context: Context, message: tree.DeleteStmt) -> exp.Expression:
    """Convert DELETE."""
    return nodes.Delete(
        with_clause=with_clause(context, message),
        table=table(context, message.relation),
        using=context.all(message.using_clause),
        where=context.optional(message.where_clause),
        returning=returning(context, message),
    )


def merge(context: Context, message: tree.MergeStmt) -> exp.Expression:
    """Convert MERGE."""
    if message.HasField("returning_clause"):
        raise FeatureNotSupported("MERGE ... RETURNING is not supported")
    return nodes.Merge(
        with_clause=with_clause(context, message),
        table=table(context, message.relation),
        source=context.convert(message.source_relation),
        condition=context.convert(message.join_condition),
        actions=[
            merge_action(context, clause.merge_when_clause) for clause in message.merge_when_clauses
        ],
    )


MERGE_COMMANDS: Final[dict[int, str]] = {
    tree.CMD_INSERT: "insert",
    tree.CMD_UPDATE: "update",
    tree.CMD_DELETE: "delete",
    tree.CMD_NOTHING: "nothing",
}
MERGE_MATCHES: Final[dict[int, str]] = {
    tree.MERGE_WHEN_MATCHED: "matched",
    tree.MERGE_WHEN_NOT_MATCHED_BY_TARGET: "not_matched",
}


def merge_action(context: Context, message: tree.MergeWhenClause) -> nodes.MergeAction:
    """Convert one WHEN of MERGE."""
    if message.match_kind not in MERGE_MATCHES:
        raise FeatureNotSupported("WHEN NOT MATCHED BY SOURCE is not supported")
    command = MERGE_COMMANDS[message.command_type]
    is_insert = command == "insert"
    return nodes.MergeAction(
        matched=MERGE_MATCHES[message.match_kind],
        command=command,
        condition=context.optional(message.condition),
        assignments=[] if is_insert else assignments(context, message.target_list),
        columns=[
            assignment_target(context, column.res_target)
            for column in (message.target_list if is_insert else ())
        ],
        values=context.all(message.values),
        overriding=OVERRIDING.get(message.override),
    )


CONVERTERS: Final[Converters] = {
    "insert_stmt": insert,
    "update_stmt": update,
    "delete_stmt": delete,
    "merge_stmt": merge,
}
