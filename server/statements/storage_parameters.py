"""Storage parameters: what may stand in WITH (...) of tables, views and indexes, kept as pg_class.reloptions.

Rule 1: a parameter is checked when it is given and kept as the text that was given.
Rule 2: parameters that say how PostgreSQL lays out its files are accepted and mean nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Toast
from server.errors import FeatureNotSupported, InvalidParameterValue, SqlSyntaxError
from server.sql.nodes import TypeName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from server.sql import alter_commands
    from server.sql.utility_statement import Option

INT_MAX: Final = 2**31 - 1
AGE_MAX: Final = 1_000_000_000
FREEZE_MAX: Final = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by its kind: bool, int, real or enum; bounds, or the values of an enum."""

    kind: str
    low: float = 0
    high: float = 0
    values: tuple[str, ...] = ()


BOOL: Final = Parameter("bool")
SWITCH: Final = Parameter("enum", values=("auto", "on", "off"))
_VACUUM: Final[Mapping[str, Parameter]] = {
    "autovacuum_enabled": BOOL,
    "autovacuum_vacuum_threshold": Parameter("int", 0, INT_MAX),
    "autovacuum_vacuum_insert_threshold": Parameter("int", -1, INT_MAX),
    "autovacuum_vacuum_cost_limit": Parameter("int", 1, 10_000),
    "autovacuum_vacuum_cost_delay": Parameter("real", 0, 100),
    "autovacuum_seal_delay": Parameter("int", -1, INT_MAX),
    "autovacuum_vacuum_scale_factor": Parameter("real", 0, 100),
    "autovacuum_vacuum_insert_scale_factor": Parameter("real", 0, 100),
    "autovacuum_freeze_min_age": Parameter("int", 0, AGE_MAX),
    "autovacuum_freeze_max_age": Parameter("int", 100_000, FREEZE_MAX),
    "autovacuum_freeze_table_age": Parameter("int", 0, FREEZE_MAX),
    "autovacuum_multixact_freeze_min_age": Parameter("int", 0, AGE_MAX),
    "autovacuum_multixact_freeze_max_age": Parameter("int", 10_000, FREEZE_MAX),
    "autovacuum_multixact_freeze_table_age": Parameter("int", 0, FREEZE_MAX),
    "log_autovacuum_min_duration": Parameter("int", -1, INT_MAX),
    "vacuum_index_cleanup": SWITCH,
    "vacuum_truncate": BOOL,
}
_FILLFACTOR: Final = Parameter("int", 10, 100)
TABLE_PARAMETERS: Final[Mapping[str, Parameter]] = {
    **_VACUUM,
    "fillfactor": _FILLFACTOR,
    "autovacuum_analyze_threshold": Parameter("int", 0, INT_MAX),
    "autovacuum_analyze_scale_factor": Parameter("real", 0, 100),
    "toast_tuple_target": Parameter("int", 128, 8160),
    "user_catalog_table": BOOL,
    "parallel_workers": Parameter("int", 0, 1024),
}
VIEW_PARAMETERS: Final[Mapping[str, Parameter]] = {
    "security_barrier": BOOL,
    "security_invoker": BOOL,
    "check_option": Parameter("enum", values=("local", "cascaded")),
}
INDEX_PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "btree": {"fillfactor": _FILLFACTOR, "deduplicate_items": BOOL},
    "hash": {"fillfactor": _FILLFACTOR},
    "gin": {"fastupdate": BOOL, "gin_pending_list_limit": Parameter("int", 64, INT_MAX)},
    "gist": {"fillfactor": Parameter("int", 10, 100), "buffering": SWITCH},
    "spgist": {"fillfactor": _FILLFACTOR},
    "brin": {"pages_per_range": Parameter("int", 1, 131_072), "autosummarize": BOOL},
}
NO_PARAMETERS: Final[Mapping[str, Parameter]] = {}
"""Those of partitioned tables, which store nothing."""
_NOT_FOR_TOAST: Final = {
    *("fillfactor", "autovacuum_analyze_threshold", "autovacuum_analyze_scale_factor"),
    *("toast_tuple_target", "user_catalog_table", "parallel_workers"),
}
_BOOLEANS: Final = ("true", "false", "yes", "no", "on", "off")
_SWITCH_VALUES: Final = ("true", "false", "yes", "no", "on", "off", "1", "0", "auto")


def parameters_of_relation(kind: str) -> Mapping[str, Parameter]:
    """What a relation of a kind (as in pg_class) may have."""
    return {"v": VIEW_PARAMETERS, "p": NO_PARAMETERS}.get(kind, TABLE_PARAMETERS)


def storage_parameters(
    options: Sequence[Option],
    known: Mapping[str, Parameter],
    current: tuple[str, ...] = (),
    *,
    toast: bool = False,
) -> tuple[str, ...]:
    """What is kept once the options have been given; raises SqlError for what is not right.

    toast: parameters of the TOAST relation are allowed and checked; `toast_parameters` gives them.
    """
    given: dict[str, str] = {}
    for option in options:
        _check_namespace(option, toast=toast)
        if option.name == "oids" and known is TABLE_PARAMETERS:
            _refuse_oids(option)
            continue
        if option.name not in known:
            raise InvalidParameterValue(f'unrecognized parameter "{option.name}"')
        if option.namespace:
            check_value(option.name, known[option.name], option_text(option))
            continue
        if option.name in given:
            raise InvalidParameterValue(f'parameter "{option.name}" specified more than once')
        text = option_text(option)
        check_value(option.name, known[option.name], text)
        given[option.name] = text
    kept = tuple(item for item in current if item.split("=", 1)[0] not in given)
    return (*kept, *(f"{name}={text}" for name, text in given.items()))


def toast_parameters(options: Sequence[Option], current: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The parameters of a table's TOAST relation once its options, which were right, have been given."""
    given = {each.name: option_text(each) for each in options if each.namespace == "toast"}
    kept = tuple(item for item in current if item.split("=", 1)[0] not in given)
    return (*kept, *(f"{name}={text}" for name, text in given.items()))


def _refuse_oids(option: Option) -> None:
    """Tables had OIDS once; saying that this one has none is still allowed."""
    if option_text(option).lower() not in ("false", "off", "0", "no"):
        raise FeatureNotSupported("tables declared WITH OIDS are not supported")


def without_parameters(
    options: Sequence[Option], current: tuple[str, ...], namespace: str = ""
) -> tuple[str, ...]:
    """RESET (...): the parameters that stay."""
    for option in options:
        if option.value is not None:
            raise SqlSyntaxError("RESET must not include values for parameters")
    names = {option.name for option in options if option.namespace == namespace}
    return tuple(item for item in current if item.split("=", 1)[0] not in names)


def changed_parameters(
    command: alter_commands.SetOptions, known: Mapping[str, Parameter], current: tuple[str, ...]
) -> tuple[str, ...]:
    """The storage parameters after SET (...) or RESET (...)."""
    if command.reset:
        return without_parameters(command.options, current)
    return storage_parameters(command.options, known, current, toast=known is TABLE_PARAMETERS)


def changed_toast_parameters(
    command: alter_commands.SetOptions, current: tuple[str, ...]
) -> tuple[str, ...]:
    """The parameters of a TOAST relation after SET (...) or RESET (...) of its table."""
    if command.reset:
        return without_parameters(command.options, current, "toast")
    return toast_parameters(command.options, current)


def new_toast(options: Sequence[Option], new_oid: Callable[[], int]) -> Toast | None:
    """The TOAST relation that a new table says something of, if it turns out to have one."""
    said = toast_parameters(options)
    return Toast(oid=new_oid(), index=new_oid(), options=said) if said else None


def option_text(option: Option) -> str:
    """The text of an option's value; an option without one is switched on."""
    value = option.value
    if value is None or value is True:
        return "true"
    if isinstance(value, TypeName):  # a bare word
        return ".".join(value.args["parts"])
    return "false" if value is False else str(value)


def _check_namespace(option: Option, *, toast: bool) -> None:
    if option.namespace and not (toast and option.namespace == "toast"):
        raise InvalidParameterValue(f'unrecognized parameter namespace "{option.namespace}"')
    if option.namespace and option.name in _NOT_FOR_TOAST:
        raise InvalidParameterValue(f'unrecognized parameter "{option.name}"')


def check_value(name: str, parameter: Parameter, text: str) -> None:
    """Raise InvalidParameterValue unless a parameter may have that value."""
    _CHECKS[parameter.kind](name, parameter, text)


def _check_bool(name: str, parameter: Parameter, text: str) -> None:
    lowered = text.lower()
    is_word = any(word.startswith(lowered) for word in _BOOLEANS) and lowered not in ("", "o")
    if not is_word and lowered not in ("0", "1"):
        raise InvalidParameterValue(f'invalid value for boolean option "{name}": {text}')


def _check_int(name: str, parameter: Parameter, text: str) -> None:
    try:
        value = int(text)
    except ValueError:
        message = f'invalid value for integer option "{name}": {text}'
        raise InvalidParameterValue(message) from None
    low, high = f"{parameter.low:.0f}", f"{parameter.high:.0f}"
    _check_bounds(name, parameter, text, value, (low, high))


def _check_real(name: str, parameter: Parameter, text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        message = f'invalid value for floating point option "{name}": {text}'
        raise InvalidParameterValue(message) from None
    low, high = f"{parameter.low:f}", f"{parameter.high:f}"
    _check_bounds(name, parameter, text, value, (low, high))


def _check_bounds(
    name: str, parameter: Parameter, text: str, value: float, shown: tuple[str, str]
) -> None:
    if not parameter.low <= value <= parameter.high:
        raise InvalidParameterValue(
            f'value {text} out of bounds for option "{name}"',
            detail=f'Valid values are between "{shown[0]}" and "{shown[1]}".',
        )


def _check_enum(name: str, parameter: Parameter, text: str) -> None:
    allowed = _SWITCH_VALUES if parameter is SWITCH else parameter.values
    if text.lower() not in allowed:
        *first, last = (f'"{value}"' for value in sorted(parameter.values, key=_shown_order))
        comma = "," if len(first) > 1 else ""
        raise InvalidParameterValue(
            f'invalid value for enum option "{name}": {text}',
            detail=f"Valid values are {', '.join(first)}{comma} and {last}.",
        )


def _shown_order(value: str) -> int:
    """PostgreSQL names on and off before auto."""
    return ("on", "off", "auto", "local", "cascaded").index(value)


_CHECKS: Final[Mapping[str, Callable[[str, Parameter, str], None]]] = {
    "bool": _check_bool,
    "int": _check_int,
    "real": _check_real,
    "enum": _check_enum,
}
