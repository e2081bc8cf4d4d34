"""CREATE and ALTER of FUNCTION and PROCEDURE."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.routine_objects import UserFunction
from server.catalog.user_functions import is_internal_name
from server.catalog.views.physical import named_facts
from server.config import BY_NAME
from server.errors import (
    BY_SQLSTATE,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidFunctionDefinition,
    InvalidParameterValue,
    SqlError,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from server.extensions.registry import extension_function
from server.oids import RECORD, VOID
from server.planner.plan_routine import check_body
from server.planner.polymorphic import is_polymorphic
from server.planner.standalone import bind_type_name, is_unknown_type
from server.settings import RIGHTS_SETTINGS
from server.sql import nodes
from server.sql import utility_functions as tree
from server.sql.deparse import deparse
from server.sql.utility_statement import UtilityStatement
from server.statements.base_types import make_shell
from server.statements.body_positions import transpose
from server.statements.body_texts import with_said_body
from server.statements.names import claim_name, target_schema
from server.statements.ownership import require_language, require_owner
from server.statements.parameters import Parameters, check_polymorphic, read_parameters
from server.statements.routine_names import WORDS, routine_named, signature, tell_converted
from server.statements.settings import changed_settings
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from server.catalog.routine_objects import AggregateParts
    from server.sql.utility_session import Setting
    from server.sql.utility_statement import Option
    from server.types.type import TypeReference

VOLATILITIES: Final = {"immutable": "i", "stable": "s", "volatile": "v"}
PARALLEL: Final = {"safe": "s", "restricted": "r", "unsafe": "u"}
REFUSED_IN_PROCEDURES: Final = frozenset(
    ("window", "volatility", "strict", "leakproof", "cost", "rows", "support", "parallel")
)


@dataclass(slots=True)
class Attributes:
    """What the options of CREATE or ALTER FUNCTION say: fields of a UserFunction, and the source."""

    fields: dict[str, Any] = field(default_factory=dict)
    language: str = ""
    source: tuple[str, ...] | None = None


def read_attributes(
    context: StatementContext, options: tuple[Option, ...], *, is_procedure: bool
) -> Attributes:
    """Read options; each may stand once."""
    found = Attributes()
    seen: set[str] = set()
    for option in options:
        position = context.position(option.offset)
        if option.name in seen:
            raise SqlSyntaxError("conflicting or redundant options", position=position)
        seen.add(option.name)
        if is_procedure and option.name in REFUSED_IN_PROCEDURES:
            raise InvalidFunctionDefinition(
                "invalid attribute in procedure definition", position=position
            )
        if option.name == "as":
            source: Any = option.value
            found.source = source if isinstance(source, tuple) else (source,)
        elif option.name == "language":
            found.language = str(option.value)
        else:
            found.fields |= _attribute(option)
    return found


def _attribute(option: Option) -> dict[str, Any]:
    value: Any = option.value
    if option.name in ("transform", "support"):
        raise FeatureNotSupported(f"{option.name.upper()} of functions is not supported")
    if option.name == "volatility":
        return {"volatility": VOLATILITIES[value]}
    if option.name == "parallel":
        if value not in PARALLEL:
            raise SqlSyntaxError('parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE')
        return {"parallel": PARALLEL[value]}
    if option.name in ("cost", "rows"):
        number = float(value)
        if number <= 0:
            raise InvalidParameterValue(f"{option.name.upper()} must be positive")
        return {option.name: number}
    names = {"security": "security_definer"}
    return {names.get(option.name, option.name): bool(value)}


def read_settings(
    context: StatementContext, before: tuple[str, ...], settings: tuple[Setting, ...]
) -> tuple[str, ...]:
    """SET and RESET of a function over what it has."""
    for setting in settings:
        before = changed_settings(context, before, setting)
    for item in before:
        name, _, text = item.partition("=")
        if name in RIGHTS_SETTINGS:
            context.settings.guard(BY_NAME[name], text)
    return before


def create_function(context: StatementContext, statement: tree.CreateFunction) -> Run:
    """CREATE [OR REPLACE] FUNCTION and PROCEDURE."""
    attributes = read_attributes(context, statement.options, is_procedure=statement.procedure)
    language = _language(attributes, statement)
    require_language(context, language)
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    kind = "procedure" if statement.procedure else "function"
    parameters = read_parameters(context, kind, statement.parameters, language)
    result, returns_set = _result(context, statement, parameters, language)
    tell_converted(context, [*(each.type for each in statement.parameters), statement.returns])
    _check_counts(attributes, returns_set=returns_set)
    fields = {
        "cost": 1.0 if language in ("internal", "c") else 100.0,
        "rows": 1000.0 if returns_set else 0.0,
    } | attributes.fields
    value = UserFunction(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        language=language,
        arguments=tuple(parameters.types),
        argument_names=tuple(parameters.names),
        argument_modes=tuple(parameters.modes),
        defaults=tuple(parameters.defaults),
        result=result,
        returns_set=returns_set,
        kind="p" if statement.procedure else _kind(attributes, language),
        settings=read_settings(context, (), statement.settings),
        **_body(context, attributes, statement),
        **{name: given for name, given in fields.items() if name != "window"},
    )
    check_polymorphic(context, parameters, result)
    value = replaced(context, value, replace_existing=statement.replace)
    context.ddl.put(value)  # before its body is looked at, which may call it
    check_function(context, value)
    if value.is_atomic:
        context.ddl.put(with_said_body(context, value))
    return statement.tag


def _kind(attributes: Attributes, language: str) -> str:
    """The letter of a function in pg_proc; only built-in ones know their window."""
    if not attributes.fields.get("window"):
        return "f"
    if language != "internal":
        raise FeatureNotSupported(f"WINDOW of functions in language {language} is not supported")
    return "w"


def _language(attributes: Attributes, statement: tree.CreateFunction) -> str:
    language = attributes.language or ("sql" if statement.body is not None else "")
    if not language:
        raise InvalidFunctionDefinition("no language specified")
    if not any(row["lanname"] == language for row in named_facts("pg_language")):
        raise UndefinedObject(f'language "{language}" does not exist')
    if statement.body is not None and language != "sql":
        raise InvalidFunctionDefinition("inline SQL function body only valid for language SQL")
    return language


def _result(
    context: StatementContext, statement: tree.CreateFunction, parameters: Parameters, language: str
) -> tuple[int, bool]:
    """The result type, and whether a set of it is returned."""
    required = parameters.required
    if statement.returns is None:
        if not required and not statement.procedure:
            raise InvalidFunctionDefinition("function result type must be specified")
        return required or VOID, False
    reference = _returned(context, statement.returns, language)
    if required and reference.oid != required:
        shown = context.catalog.type(required).sql_name
        raise InvalidFunctionDefinition(
            f"function result type must be {shown} because of OUT parameters"
        )
    return reference.oid, bool(statement.returns.args.get("setof"))


def _returned(context: StatementContext, written: nodes.TypeName, language: str) -> TypeReference:
    """The type that is returned: one in C may be declared by this, and be a shell until it is made."""
    environment = context.environment()
    parts = written.args["parts"]
    if language in ("internal", "c") and is_unknown_type(environment, written):
        context.notice(
            "42704",
            f'type "{".".join(parts)}" is not yet defined',
            "Creating a shell type definition.",
        )
        make_shell(context, *target_schema(context, parts))
        return bind_type_name(context.environment(), written, shells=True)
    found = bind_type_name(environment, written, shells=True)
    if found.type.is_shell:
        if language == "sql":
            shown = found.type.sql_name
            raise InvalidFunctionDefinition(f"SQL function cannot return shell type {shown}")
        context.notice("42809", f"return type {found.type.sql_name} is only a shell")
    return found


def _check_counts(attributes: Attributes, *, returns_set: bool) -> None:
    if "rows" in attributes.fields and not returns_set:
        raise InvalidParameterValue("ROWS is not applicable when function does not return a set")


def _body(
    context: StatementContext, attributes: Attributes, statement: tree.CreateFunction
) -> dict[str, Any]:
    source = attributes.source
    if statement.body is not None:
        if source is not None:
            raise InvalidFunctionDefinition("duplicate function body specified")
        return {"body": _atomic_body(statement), "is_atomic": True, "path": context.search_path()}
    if source is None:
        raise InvalidFunctionDefinition("no function body specified")
    if attributes.language == "c":
        library, symbol = source if len(source) > 1 else (source[0], statement.name[-1])
        return {"body": symbol, "binary": library}
    if len(source) > 1:
        raise InvalidFunctionDefinition(
            f'only one AS item needed for language "{attributes.language}"'
        )
    return {"body": source[0]}


def _atomic_body(statement: tree.CreateFunction) -> str:
    assert statement.body is not None
    if statement.is_return:
        (query,) = statement.body
        assert not isinstance(query, UtilityStatement), query
        return "RETURN " + deparse(query.args["targets"][0].args["this"])
    texts = []
    for each in statement.body:
        if isinstance(each, UtilityStatement):
            raise FeatureNotSupported(
                f"{each.tag} is not yet supported in unquoted SQL function body"
            )
        texts.append(deparse(each))
    return ";\n".join(texts)


def replaced(
    context: StatementContext, value: UserFunction, *, replace_existing: bool
) -> UserFunction:
    """The value under the OID of the function that it replaces, if there is one, which only its owner may do."""
    for old in context.catalog.user_functions_named(value.name, value.schema):
        if old.inputs != value.inputs:
            continue
        if not replace_existing:
            raise BY_SQLSTATE["42723"](
                f'function "{value.name}" already exists with same argument types'
            )
        require_owner(context, old, "function")
        _check_replacement(context, old, value)
        return replace(value, oid=old.oid, owner=old.owner, acl=old.acl, comment=old.comment)
    return value


def _check_replacement(context: StatementContext, old: UserFunction, new: UserFunction) -> None:
    if old.kind != new.kind:
        article = "an" if old.kind == "a" else "a"
        word = "aggregate function" if old.kind == "a" else WORDS[old.kind]
        raise WrongObjectType(
            "cannot change routine kind", detail=f'"{old.name}" is {article} {word}.'
        )
    if old.aggregate is not None and new.aggregate is not None:
        _check_aggregate(old.name, old.aggregate, new.aggregate)
    hint = f"Use DROP {WORDS[old.kind].upper()} {signature(context, old)} first."
    if (old.result, old.returns_set) != (new.result, new.returns_set):
        message = (
            "cannot change whether a procedure has output parameters"
            if old.kind == "p"
            else "cannot change return type of existing function"
        )
        raise InvalidFunctionDefinition(message, hint=hint)
    if new.result == RECORD and _outputs(old) != _outputs(new):
        raise InvalidFunctionDefinition(
            "cannot change return type of existing function",
            detail="Row type defined by OUT parameters is different.",
            hint=hint,
        )
    _check_names(old, new, hint)
    _check_defaults(context, old, new, hint)


_AGGREGATES: Final = {
    "n": "an ordinary aggregate function",
    "o": "an ordered-set aggregate",
    "h": "a hypothetical-set aggregate",
}


def _check_aggregate(name: str, old: AggregateParts, new: AggregateParts) -> None:
    if old.kind != new.kind:
        raise WrongObjectType(
            "cannot change routine kind", detail=f'"{name}" is {_AGGREGATES[old.kind]}.'
        )
    if old.direct_arguments != new.direct_arguments:
        raise InvalidFunctionDefinition(
            "cannot change number of direct arguments of an aggregate function"
        )


def _outputs(value: UserFunction) -> list[tuple[str, int]]:
    return [
        (value.argument_names[position], value.arguments[position])
        for position in value.having_mode("obt")
    ]


def _check_names(old: UserFunction, new: UserFunction, hint: str) -> None:
    pairs = zip(old.having_mode("ibv"), new.having_mode("ibv"), strict=True)
    for before, after in pairs:
        name = old.argument_names[before]
        if name and name != new.argument_names[after]:
            raise InvalidFunctionDefinition(
                f'cannot change name of input parameter "{name}"', hint=hint
            )


def _check_defaults(
    context: StatementContext, old: UserFunction, new: UserFunction, hint: str
) -> None:
    if len(new.defaults) < len(old.defaults):
        raise InvalidFunctionDefinition(
            "cannot remove parameter defaults from existing function", hint=hint
        )


def check_function(context: StatementContext, value: UserFunction) -> None:
    """What the validator of the function's language looks at."""
    if value.leakproof and not _is_superuser(context):
        raise InsufficientPrivilege("only superuser can define a leakproof function")
    if value.language == "internal" and not is_internal_name(value.body):
        raise UndefinedFunction(f'there is no built-in function named "{value.body}"')
    if value.language == "c" and extension_function(value.binary, value.body) is None:
        raise FeatureNotSupported(f'functions in language "{value.language}" are not supported')
    if value.language == "sql":
        _check_sql(context, value)
    language = context.session.surroundings.languages.get(value.language)
    if language is not None and context.settings["check_function_bodies"]:
        try:
            language.check(context.environment(), value)
        except SqlError as error:
            transpose(error, value.body, context.statement.source, context.statement.offset)
            raise
        for warning in language.warnings(context.settings, value):
            context.warn("42712", warning)


def _is_superuser(context: StatementContext) -> bool:
    role: Any = context.catalog.object(context.user_oid)
    return bool(role is not None and role.superuser)


def _check_sql(context: StatementContext, value: UserFunction) -> None:
    result = context.catalog.type(value.result)
    if result.kind == "p" and value.result not in (RECORD, VOID) and not _generic(value.result):
        raise InvalidFunctionDefinition(f"SQL functions cannot return type {result.sql_name}")
    for oid in value.arguments:
        kind = context.catalog.type(oid)
        if kind.kind == "p" and not _generic(oid):
            raise InvalidFunctionDefinition(
                f"SQL functions cannot have arguments of type {kind.sql_name}"
            )
        if _generic(oid) and value.is_atomic:
            raise InvalidFunctionDefinition(
                "SQL function with unquoted function body cannot have polymorphic arguments"
            )
    if value.is_atomic or context.settings["check_function_bodies"]:
        try:
            check_body(context.environment(), value)
        except SqlError as error:
            raise _in_body(context, error, value) from None


def _generic(oid: int) -> bool:
    return is_polymorphic(oid)


def _in_body(context: StatementContext, error: SqlError, value: UserFunction) -> SqlError:
    """The error as one of the statement that makes the function; of the body where it has no position."""
    if value.is_atomic:
        return error
    text, offset = context.statement.source, context.statement.offset
    if not transpose(error, value.body, text, offset):
        error.context = error.context or f'SQL function "{value.name}"'
    return error


def alter_function(context: StatementContext, statement: tree.AlterFunction) -> Run:
    """ALTER FUNCTION, PROCEDURE and ROUTINE with options."""
    value = routine_named(context, statement.kind, statement.function)
    if value.kind == "a":
        raise WrongObjectType(f'"{value.name}" is an aggregate function')
    require_owner(context, value, statement.kind, ".".join(statement.function.parts))
    yield from claim_name(context, value.schema, value.name)
    attributes = read_attributes(context, statement.options, is_procedure=value.kind == "p")
    _check_counts(attributes, returns_set=value.returns_set)
    changed = replace(
        value,
        settings=read_settings(context, value.settings, statement.settings),
        **attributes.fields,
    )
    if changed.leakproof and not _is_superuser(context):
        raise InsufficientPrivilege("only superuser can define a leakproof function")
    context.ddl.put(changed)
    return statement.tag


UTILITIES = (
    Utility(node=tree.CreateFunction, run=create_function),
    Utility(node=tree.AlterFunction, run=alter_function),
)
