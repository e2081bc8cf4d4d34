from server.vector.column import Positions, Values

def add_moments(
    groups: Positions, values: Values, counts: Values, sums: Values, squares: Values
) -> None: ...
