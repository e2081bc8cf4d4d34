from server.vector.column import Mask, Positions, Values
from storage.engine import Framed

def rows_with_keys(
    keys: Values | Framed, valid: Mask | None, lowest: int, present: Values
) -> Positions: ...
