from server.vector.column import Positions, Values

def quotient_words(
    dividends: Values,
    dividend_scale: int,
    divisors: Values,
    divisor_scale: int,
    digits_min: int,
    scale_max: int,
) -> tuple[Values, Values, Values, Values]: ...
def quotient_sums(
    dividends: Values,
    divisors: Values,
    scales: tuple[int, int],
    digits_min: int,
    groups: Positions,
    group_count: int,
) -> tuple[Values, Positions, Values, Values] | None: ...
