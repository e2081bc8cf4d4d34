from server.vector.column import Mask, Positions, Values

def extreme_rows(
    keys: Positions, valid: Mask | None, starts: Positions, stops: Positions, greatest: bool
) -> Positions: ...
def float_sums(
    values: Values, valid: Mask | None, starts: Positions, stops: Positions
) -> Values: ...
def range_ends(
    values: Values,
    valid: Mask | None,
    bounds: Values,
    starts: Positions,
    stops: Positions,
    *,
    less: bool,
    starting: bool,
    nulls_first: bool,
) -> Positions: ...
