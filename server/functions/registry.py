"""The tables of everything that can be called: one entry a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.functions import (
    aggregates,
    array,
    binary_forms,
    bits,
    boolean,
    bytea,
    collecting,
    comparison,
    date_arithmetic,
    date_fields,
    date_time,
    encodings,
    enums,
    extremes,
    float_math,
    floats,
    formatting,
    geometry,
    geometry_relations,
    hash_functions,
    hypothetical,
    in_range,
    integer,
    interval_sums,
    json,
    json_building,
    json_changes,
    json_records,
    jsonpath,
    log_positions,
    money,
    network,
    numeric,
    order_support,
    ordered_sets,
    overlapping,
    pair_transitions,
    pattern,
    qualified_names,
    randomness,
    range_aggregates,
    ranges,
    regex,
    sets,
    statistics,
    stringing,
    text,
    text_joining,
    text_search,
    transitions,
    type_input_output,
    window,
    xml,
)
from server.functions.casts import casts
from server.functions.operators import operators

if TYPE_CHECKING:
    from server.functions.function import Aggregate, Cast, Function, Operator, WindowFunction

FUNCTIONS: Final[tuple[Function, ...]] = (
    *comparison.FUNCTIONS,
    *order_support.FUNCTIONS,
    *hash_functions.FUNCTIONS,
    *type_input_output.FUNCTIONS,
    *overlapping.FUNCTIONS,
    *qualified_names.FUNCTIONS,
    *transitions.FUNCTIONS,
    *pair_transitions.FUNCTIONS,
    *geometry.FUNCTIONS,
    *geometry_relations.FUNCTIONS,
    *integer.FUNCTIONS,
    *floats.FUNCTIONS,
    *float_math.FUNCTIONS,
    *numeric.FUNCTIONS,
    *text.FUNCTIONS,
    *text_joining.FUNCTIONS,
    *text_search.FUNCTIONS,
    *xml.FUNCTIONS,
    *pattern.FUNCTIONS,
    *regex.FUNCTIONS,
    *boolean.FUNCTIONS,
    *bytea.FUNCTIONS,
    *encodings.FUNCTIONS,
    *binary_forms.FUNCTIONS,
    *bits.FUNCTIONS,
    *log_positions.FUNCTIONS,
    *money.FUNCTIONS,
    *network.FUNCTIONS,
    *array.FUNCTIONS,
    *sets.FUNCTIONS,
    *json.FUNCTIONS,
    *json_building.FUNCTIONS,
    *json_changes.FUNCTIONS,
    *json_records.FUNCTIONS,
    *jsonpath.FUNCTIONS,
    *randomness.FUNCTIONS,
    *ranges.FUNCTIONS,
    *date_arithmetic.FUNCTIONS,
    *date_fields.FUNCTIONS,
    *date_time.FUNCTIONS,
    *formatting.FUNCTIONS,
    *enums.FUNCTIONS,
    *in_range.FUNCTIONS,
)
AGGREGATES: Final[tuple[Aggregate, ...]] = (
    *aggregates.AGGREGATES,
    *extremes.AGGREGATES,
    *interval_sums.AGGREGATES,
    *collecting.AGGREGATES,
    *stringing.AGGREGATES,
    *bits.AGGREGATES,
    *xml.AGGREGATES,
    *money.AGGREGATES,
    *range_aggregates.AGGREGATES,
    *statistics.AGGREGATES,
    *ordered_sets.AGGREGATES,
    *hypothetical.AGGREGATES,
)
WINDOW_FUNCTIONS: Final[tuple[WindowFunction, ...]] = window.WINDOW_FUNCTIONS

FUNCTION_BY_OID: Final[dict[int, Function]] = {function.oid: function for function in FUNCTIONS}

OPERATORS: Final[tuple[Operator, ...]] = operators(frozenset(FUNCTION_BY_OID))
CASTS: Final[tuple[Cast, ...]] = casts(frozenset(FUNCTION_BY_OID))

assert len(FUNCTION_BY_OID) == len(FUNCTIONS), "a function is listed twice"
