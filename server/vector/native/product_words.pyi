from server.vector.column import Values

def product_words(
    firsts: Values, seconds: Values | None, digits: int, factors: Values, digits_made: int
) -> tuple[Values, Values] | None: ...
