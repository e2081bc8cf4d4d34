from server.executor.machine import Columns, Program, Totals
from server.vector.column import Positions

def run(
    program: Program, columns: Columns, count: int, groups: Positions | None, totals: Totals
) -> bool: ...
def selected(program: Program, columns: Columns, count: int) -> Positions | None: ...
