"""Runs many seeds of the crash simulation and names the bad ones.

python -m tests.crash.run --seeds 1000            seeds 0 ... 999, a third with I/O errors
python -m tests.crash.run --seed 123              one seed again, with the traceback
python -m tests.crash.run --seeds 500 --without full_page_images
python -m tests.crash.run --seeds 1000 --sql      through SQL: DDL, indexes, COPY, vacuum, sequences
python -m tests.crash.run --seeds 9 --trace       of SQL: what each seed did to the disk, as a sum, the same every time
"""

import argparse
import signal
import sys
import time
from dataclasses import fields

from storage.options import Protocol
from tests.crash.simulation import Plan, Simulation, run_seed
from tests.crash.sql_simulation import SqlSimulation, run_sql_seed, trace_of


def plan_of(seed: int, without: str | None) -> Plan:
    """Every third seed has I/O errors."""
    protocol = Protocol(**{without: False}) if without else Protocol()
    return Plan(protocol=protocol, error_rate=0.05 if seed % 3 == 2 else 0.0)


def sql_error_rate(seed: int) -> float:
    """Every third seed has I/O errors here too; few, for each ends a life."""
    return 0.005 if seed % 3 == 2 else 0.0


def main() -> int:
    """The command line; 1 when a seed was bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--without", choices=[field.name for field in fields(Protocol)])
    parser.add_argument("--sql", action="store_true")
    parser.add_argument("--trace", action="store_true")
    arguments = parser.parse_args()
    if arguments.trace:
        return show_traces(range(arguments.first, arguments.first + arguments.seeds))
    if arguments.seed is not None and arguments.sql:
        SqlSimulation(arguments.seed, error_rate=sql_error_rate(arguments.seed)).run()
        return 0
    if arguments.seed is not None:
        Simulation(arguments.seed, plan_of(arguments.seed, arguments.without)).run()
        return 0
    return run_many(arguments)


def show_traces(seeds: range) -> int:
    """A line a seed."""
    for seed in seeds:
        story, trace = trace_of(seed, sql_error_rate(seed))
        sys.stdout.write(f"seed {seed}: {trace:08x} {story or 'good'}\n")
    return 0


def run_many(arguments: argparse.Namespace) -> int:
    """Many seeds; an interrupt ends the run and is told how far it was."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.perf_counter()
    bad = count = 0
    try:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            if arguments.sql:
                story = run_sql_seed(seed, sql_error_rate(seed))
            else:
                story = run_seed(seed, plan_of(seed, arguments.without))
            count += 1
            if story is not None:
                bad += 1
                sys.stdout.write(f"seed {seed}: {story}\n")
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")
    rate = count / (time.perf_counter() - started)
    sys.stdout.write(f"{bad} bad of {count} seeds from {arguments.first} on, {rate:.1f} seeds/s\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
