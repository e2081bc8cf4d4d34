from server.vector.column import Values

def quotient_words(
    dividends: Values,
    dividend_scale: int,
    divisors: Values,
    divisor_scale: int,
    digits_min: int,
    scale_max: int,
) -> tuple[Values, Values, Values, Values]: ...
