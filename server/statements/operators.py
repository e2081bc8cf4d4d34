"""CREATE OPERATOR, CREATE CAST, and how DROP and COMMENT find operators and casts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.privileges import is_superuser
from server.catalog.routine_objects import UserCast, UserOperator
from server.catalog.views.physical import named_facts
from server.errors import (
    DuplicateFunction,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidFunctionDefinition,
    InvalidObjectDefinition,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from server.oids import BOOL, FIRST_USER_OID
from server.planner.standalone import is_relabelled, require_type_usage, type_oid
from server.sql import nodes
from server.sql import utility_functions as tree
from server.statements.definitions import (
    callable_function,
    function_for,
    name_in,
    truth_in,
    type_in,
)
from server.statements.names import (
    claim_name,
    schema_named,
    split_name,
    target_schema,
    usable_schema,
)
from server.statements.ownership import owns, require_owner
from server.statements.routine_names import shown_type
from server.types.type import TypeReference

if TYPE_CHECKING:
    from server.catalog.objects import CatalogObject
    from server.sql.object_names import ObjectName
    from server.sql.utility_operator_classes import AlterOperator
    from server.sql.utility_statement import Option
    from server.statements.statement import Run, StatementContext

KNOWN: Final = frozenset(
    ("leftarg", "rightarg", "function", "procedure", "commutator", "negator", "restrict", "join",
     "hashes", "merges", "sort1", "sort2", "ltcmp", "gtcmp")
)  # fmt: skip
ESTIMATORS: Final = {"restrict": 4, "join": 5}
"""What estimates selectivity, and how many arguments it has."""
ESTIMATED: Final = {4: (2281, 26, 2281, 23), 5: (2281, 26, 2281, 21, 2281)}
UNCHANGEABLE: Final = KNOWN - ESTIMATORS.keys()
BOOLEAN_ONLY: Final = (
    ("negator", "negators"),
    ("restrict", "restriction selectivity"),
    ("join", "join selectivity"),
    ("merges", "merge join"),
    ("hashes", "hash"),
)
BINARY_ONLY: Final = (
    ("commutator", "commutators"),
    ("join", "join selectivity"),
    ("merges", "merge join"),
    ("hashes", "hash"),
)


def create_operator(context: StatementContext, statement: tree.Define) -> Run:
    """CREATE OPERATOR."""
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    options = _options(context, statement)
    left, right = (_operand(context, options.get(side)) for side in ("leftarg", "rightarg"))
    function = options.get("function") or options.get("procedure")
    if function is None:
        raise InvalidFunctionDefinition("operator function must be specified")
    if not right:
        if not left:
            raise InvalidFunctionDefinition("operator argument types must be specified")
        raise InvalidFunctionDefinition(
            "operator right argument type must be specified",
            detail="Postfix operators are not supported.",
        )
    types = (left, right) if left else (right,)
    found = callable_function(context, name_in(function), types)
    result = found.type.oid
    environment = context.environment()
    for oid in (*types, result):
        require_type_usage(environment, TypeReference(context.catalog.type(oid)))
    _check_kinds(options, left, result)
    existing = operator_of(context, schema, name, left, right)
    if existing is not None and existing.function:
        raise DuplicateFunction(f"operator {name} already exists")
    value = UserOperator(
        oid=context.new_oid() if existing is None else existing.oid,
        name=name,
        owner=context.user_oid,
        schema=schema,
        left=left,
        right=right,
        result=result,
        function=found.target.oid,
        hashes="hashes" in options and truth_in(options["hashes"]),
        merges="merges" in options and truth_in(options["merges"]),
        commutator=existing.commutator if existing is not None else 0,
        negator=existing.negator if existing is not None else 0,
        restrict=_estimator(context, options.get("restrict"), 4),
        join=_estimator(context, options.get("join"), 5),
    )
    context.ddl.put(_with_partners(context, value, options))
    return statement.tag


def _options(context: StatementContext, statement: tree.Define) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for option in statement.options:
        if option.name not in KNOWN:
            context.warn("42601", f'operator attribute "{option.name}" not recognized')
            continue
        found[option.name] = option
    return found


def _operand(context: StatementContext, option: Option | None) -> int:
    if option is None or option.value == "none":
        return 0
    value: Any = option.value
    if isinstance(value, nodes.TypeName) and value.args.get("setof"):
        raise InvalidFunctionDefinition("SETOF type not allowed for operator argument")
    return type_in(context, option)


def _check_kinds(options: dict[str, Option], left: int, result: int) -> None:
    if not left:
        for name, words in BINARY_ONLY:
            if name in options:
                raise InvalidFunctionDefinition(f"only binary operators can {_verb(words)}")
    if result != BOOL:
        for name, words in BOOLEAN_ONLY:
            if name in options:
                raise InvalidFunctionDefinition(f"only boolean operators can {_verb(words)}")


def _verb(words: str) -> str:
    return words if words in ("merge join", "hash") else f"have {words}"


def _estimator(context: StatementContext, option: Option | None, count: int) -> int:
    """The OID of a selectivity function: a built-in one, which nothing here calls."""
    if option is None:
        return 0
    name = name_in(option)[-1]
    for function in context.catalog.user_functions_named(name):
        if function.inputs == ESTIMATED[count]:
            return function.oid
    for row in named_facts("pg_proc"):
        if row["proname"] == name and len(row["proargtypes"].items) in (count, count - 1):
            if row["prorettype"] != 701:
                raise InvalidObjectDefinition(
                    f"restriction estimator function {name} must return type double precision"
                )
            oid: int = row["oid"]
            return oid
    types = "internal, oid, internal, " + ("integer" if count == 4 else "smallint, internal")
    raise UndefinedFunction(f"function {'.'.join(name_in(option))}({types}) does not exist")


def alter_operator(context: StatementContext, statement: AlterOperator) -> Run:
    """ALTER OPERATOR ... SET: the estimators may change."""
    yield from ()
    for option in statement.options:
        if option.name in UNCHANGEABLE:
            raise SqlSyntaxError(f'operator attribute "{option.name}" cannot be changed')
        if option.name not in ESTIMATORS:
            raise SqlSyntaxError(f'operator attribute "{option.name}" not recognized')
    found = operator_named(context, "operator", statement.name)
    assert isinstance(found, UserOperator)
    require_owner(context, found)
    changes: dict[str, Any] = {
        option.name: _estimator(
            context, None if option.value is None else option, ESTIMATORS[option.name]
        )
        for option in statement.options
    }
    context.ddl.put(replace(found, **changes))
    return statement.command_tag


def operator_of(
    context: StatementContext, schema: int, name: str, left: int, right: int
) -> UserOperator | None:
    """An operator of a schema by name and operands, also one known by name only."""
    for value in context.catalog.objects(UserOperator):
        if (value.schema, value.name, value.left, value.right) == (schema, name, left, right):
            return value
    return None


def _with_partners(
    context: StatementContext, value: UserOperator, options: dict[str, Option]
) -> UserOperator:
    """The commutator and the negator, which may be yet to come: they point back."""
    for role, left, right in (
        ("commutator", value.right, value.left),
        ("negator", value.left, value.right),
    ):
        option = options.get(role)
        if option is None:
            continue
        name = name_in(option)
        schema = value.schema if len(name) == 1 else target_schema(context, name)[0]
        if (name[-1], left, right) == (value.name, value.left, value.right):
            if role == "negator":
                raise InvalidFunctionDefinition(
                    "operator cannot be its own negator or sort operator"
                )
            value = replace(value, commutator=value.oid)
            continue
        partner = operator_of(context, schema, name[-1], left, right)
        shown = ".".join(name)
        if partner is not None:
            require_owner(context, partner, name=shown)
        else:
            built_in = _built_in(name[-1], left, right)
            if built_in:
                if not is_superuser(context.catalog, context.user_oid):
                    raise InsufficientPrivilege(f"must be owner of operator {shown}")
                value = _with_partner(value, role, built_in)
                continue
            partner = UserOperator(
                oid=context.new_oid(),
                name=name[-1],
                owner=value.owner,
                schema=schema,
                left=left,
                right=right,
            )
        context.ddl.put(_with_partner(partner, role, value.oid))
        value = _with_partner(value, role, partner.oid)
    return value


def _with_partner(value: UserOperator, role: str, oid: int) -> UserOperator:
    if role == "negator":
        return replace(value, negator=oid)
    return replace(value, commutator=oid)


def _built_in(name: str, left: int, right: int) -> int:
    for row in named_facts("pg_operator"):
        if (row["oprname"], row["oprleft"], row["oprright"]) == (name, left, right):
            oid: int = row["oid"]
            return oid
    return 0


def operator_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """An operator of a user; raises UndefinedFunction."""
    schema, simple = split_name(context, name.parts)
    environment = context.environment()
    left, right = (
        0 if each is None else type_oid(environment, each) for each in name.arguments or ()
    )
    homes: list[int] = []
    if schema:
        homes = [(usable_schema(context, schema) or schema_named(context, schema)).oid]
    for oid in homes or context.search_path():
        found = operator_of(context, oid, simple, left, right)
        if found is not None:
            return found
    if _built_in(simple, left, right):
        raise InsufficientPrivilege(f"must be owner of operator {simple}")
    shown = ".".join(name.parts)
    if left:
        shown = f"{shown_type(context, left)} {shown}"
    raise UndefinedFunction(f"operator does not exist: {shown} {shown_type(context, right)}")


# Casts


def create_cast(context: StatementContext, statement: tree.CreateCast) -> Run:
    """CREATE CAST."""
    yield from ()
    environment = context.environment()
    source, target = (
        type_oid(environment, statement.source),
        type_oid(environment, statement.target),
    )
    for oid, role in ((source, "source"), (target, "target")):
        if context.catalog.type(oid).kind == "p":
            shown = shown_type(context, oid)
            raise WrongObjectType(f"{role} data type {shown} is a pseudo-type")
    _require_rights_to_types(context, source, target)
    function, method = 0, "i" if statement.by_text else "b"
    if statement.function is not None:
        function, method = _cast_function(context, statement.function, source, target), "f"
    elif not statement.by_text:
        _check_binary(context, source, target)
    if source == target and not function:
        raise InvalidObjectDefinition("source data type and target data type are the same")
    if context.catalog.cast(source, target) is not None:
        raise DuplicateObject(
            f"cast from type {shown_type(context, source)} to type "
            f"{shown_type(context, target)} already exists"
        )
    context.ddl.put(
        UserCast(
            oid=context.new_oid(),
            name="",
            owner=context.user_oid,
            source=source,
            target=target,
            function=function,
            context=statement.context[0],
            method=method,
        )
    )
    return "CREATE CAST"


def _require_rights_to_types(context: StatementContext, source: int, target: int) -> None:
    """Who makes a cast owns one of its types, and may use both."""
    view, user = context.catalog, context.user_oid
    mine = (value for value in (view.object(source), view.object(target)) if value is not None)
    if not is_superuser(view, user) and not any(owns(context, value) for value in mine):
        raise InsufficientPrivilege(
            f"must be owner of type {shown_type(context, source)} "
            f"or type {shown_type(context, target)}"
        )
    for oid in (source, target):
        require_type_usage(context.environment(), TypeReference(view.type(oid)))


def _cast_function(context: StatementContext, name: ObjectName, source: int, target: int) -> int:
    environment = context.environment()
    types = tuple(type_oid(environment, each) for each in name.arguments or () if each)
    found = function_for(context, name.parts, types)
    given: tuple[int, ...] = found.target.arguments
    if not 1 <= len(given) <= 3:
        raise InvalidObjectDefinition("cast function must take one to three arguments")
    if not is_relabelled(environment, source, given[0]):
        raise InvalidObjectDefinition(
            "argument of cast function must match or be binary-coercible from source data type"
        )
    if not is_relabelled(environment, found.type.oid, target):
        raise InvalidObjectDefinition(
            "return data type of cast function must match or be binary-coercible to "
            "target data type"
        )
    if getattr(found.target, "returns_set", False):
        raise InvalidObjectDefinition("cast function must not return a set")
    return found.target.oid


def _check_binary(context: StatementContext, source: int, target: int) -> None:
    kinds = [context.catalog.type(oid) for oid in (source, target)]
    if any(kind.kind == "c" for kind in kinds):
        raise InvalidObjectDefinition("composite data types are not binary-compatible")
    if any(kind.kind == "e" for kind in kinds):
        raise InvalidObjectDefinition("enum data types are not binary-compatible")
    if any(kind.category == "A" and kind.element_oid for kind in kinds):
        raise InvalidObjectDefinition("array data types are not binary-compatible")
    if any(kind.kind == "d" for kind in kinds):
        raise InvalidObjectDefinition("domain data types must not be marked binary-compatible")
    first, second = kinds
    if (first.length, first.by_value) != (second.length, second.by_value):
        raise InvalidObjectDefinition("source and target data types are not physically compatible")
    is_built_in = max(source, target) < FIRST_USER_OID  # of users' types the bytes are read anew
    if is_built_in and (first.storage_kind, first.dtype) != (second.storage_kind, second.dtype):
        raise FeatureNotSupported("these types are kept in different forms")


def cast_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """A cast of a user by its types; raises UndefinedObject."""
    environment = context.environment()
    source, target = (type_oid(environment, each) for each in name.arguments or () if each)
    oid = context.catalog.state.casts.get((source, target))
    found = None if oid is None else context.catalog.object(oid)
    if found is not None:
        return found
    if context.catalog.cast(source, target) is not None:
        raise InsufficientPrivilege(f"must be owner of type {shown_type(context, source)}")
    raise UndefinedObject(
        f"cast from type {shown_type(context, source)} to type {shown_type(context, target)} "
        "does not exist"
    )
