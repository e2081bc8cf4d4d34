"""make bench-plot: draws growth.svg, the newest figures of `make bench-growth` in history.jsonl.

Two charts with logarithmic axes: TPC-H's total time by scale factor, point reads a second by clients. A straight line
of slope one on the left is cost that grows as the data does.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(__file__).parent
WIDTH: Final = 420
HEIGHT: Final = 300
LEFT: Final = 64
TOP: Final = 36
COLOURS: Final = {"rustydb": "#c0392b", "duckdb": "#7f8c8d", "postgresql": "#2c6fbb"}
NAMES: Final = {"rustydb": "RustyDB", "duckdb": "DuckDB", "postgresql": "PostgreSQL 15"}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its title, the field that is its x axis, the sides that are its lines."""

    title: str
    x_label: str
    x_field: str
    prefix: str
    sides: tuple[str, ...]


CHARTS: Final = (
    Chart("TPC-H, 22 queries, seconds", "scale factor", "scale", "growth TPC-H", ("rustydb", "duckdb")),
    Chart("pgbench -S, transactions a second", "clients", "clients", "growth pgbench", ("rustydb", "postgresql")),
)  # fmt: skip


def main() -> int:
    """Write the picture; gives the exit code."""
    lines = (FOLDER / "history.jsonl").read_text("utf-8").splitlines()
    (FOLDER / "growth.svg").write_text(picture([json.loads(line) for line in lines]), "utf-8")
    return 0


def picture(history: Sequence[dict[str, Any]]) -> str:
    """Both charts side by side."""
    total = WIDTH * len(CHARTS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT}" width="{total}" height="{HEIGHT}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{total}" height="{HEIGHT}" fill="white"/>',
    ]
    for number, chart in enumerate(CHARTS):
        parts.append(f'<g transform="translate({number * WIDTH},0)">')
        parts += drawn(chart, lines_of(chart, history))
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def lines_of(chart: Chart, history: Sequence[dict[str, Any]]) -> dict[str, list[Point]]:
    """The newest figure at each place, for each side."""
    found: dict[str, dict[float, float]] = {side: {} for side in chart.sides}
    for figure in history:
        if figure["workload"].startswith(chart.prefix):
            for side in chart.sides:
                if figure.get(side):
                    found[side][float(figure[chart.x_field])] = float(figure[side])
    return {side: sorted(points.items()) for side, points in found.items() if points}


def drawn(chart: Chart, lines: dict[str, list[Point]]) -> Iterator[str]:
    """A chart as elements of SVG."""
    yield f'<text x="{LEFT}" y="20" font-size="13">{chart.title}</text>'
    points = [point for line in lines.values() for point in line]
    if not points:
        return
    x_places = sorted({x for x, _ in points})
    x_axis = Axis(x_places[0], x_places[-1], LEFT, WIDTH - 20)
    low = 10 ** math.floor(math.log10(min(y for _, y in points)))
    high = 10 ** math.ceil(math.log10(max(y for _, y in points)))
    y_axis = Axis(low, high, HEIGHT - 44, TOP)
    yield from _grid(x_places, x_axis, y_axis)
    yield f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{chart.x_label}</text>'
    for number, (side, line) in enumerate(lines.items()):
        places = " ".join(f"{x_axis.place(x):.1f},{y_axis.place(y):.1f}" for x, y in line)
        colour = COLOURS[side]
        yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in line:
            yield f'<circle cx="{x_axis.place(x):.1f}" cy="{y_axis.place(y):.1f}" r="3" fill="{colour}"/>'
        yield f'<text x="{LEFT + 10}" y="{TOP + 14 * (number + 1)}" fill="{colour}">{NAMES[side]}</text>'


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis: from which value to which, and where these lie."""

    low: float
    high: float
    start: float
    stop: float

    def place(self, value: float) -> float:
        """Where a value lies."""
        if self.low == self.high:
            return (self.start + self.stop) / 2
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.stop - self.start)


def _grid(x_places: Sequence[float], x_axis: Axis, y_axis: Axis) -> Iterator[str]:
    bottom = y_axis.start
    for x in x_places:
        place = x_axis.place(x)
        yield f'<line x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{bottom}" stroke="#eee"/>'
        yield f'<text x="{place:.1f}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>'
    value = y_axis.low
    while value <= y_axis.high * 1.001:
        place = y_axis.place(value)
        yield f'<line x1="{LEFT}" y1="{place:.1f}" x2="{WIDTH - 20}" y2="{place:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{value:,g}</text>'
        value *= 10


if __name__ == "__main__":
    sys.exit(main())
