"""The crash simulation over some seeds, and the proof that it would notice.

Each rule of crash safety is switched off in turn; the simulation has to find bad seeds then. A rule
whose absence nobody notices is either not needed or not tested.
"""

import os
import subprocess
import sys

import pytest

from storage.options import Protocol
from tests.crash.run import plan_of, sql_error_rate
from tests.crash.simulation import Plan, run_seed
from tests.crash.sql_simulation import run_sql_seed

RULES = {
    "full_page_images": 0.0,
    "wal_before_page": 0.0,
    "sync_pages_before_checkpoint": 0.0,
    "sync_wal_at_commit": 0.0,
    "release_after_checkpoint": 0.0,
    "redone_releases_wait": 0.0,
    "fail_stop": 0.05,
}
"""Each rule with the rate of I/O errors that brings its absence to light."""

NOTICED_ELSEWHERE = {"incarnations"}
"""test_log_reader builds the one case by hand that chance meets too seldom."""


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_nothing_made_up(seed):
    assert run_seed(seed, plan_of(seed, None)) is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_the_same_through_sql(seed):
    assert run_sql_seed(seed, sql_error_rate(seed)) is None


def traces(hash_seed: int) -> str:
    """What seeds have done to the disk, in a process of their own: sets have another order in each."""
    command = [sys.executable, "-m", "tests.crash.run", "--trace", "--seeds", "6"]
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_a_seed_does_the_same_every_time():
    first = traces(1)
    assert first.count("good") == 6
    assert traces(2) == first


def first_bad_seed(plan: Plan) -> int | None:
    return next((seed for seed in range(150) if run_seed(seed, plan) is not None), None)


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_something_is_lost(rule):
    plan = Plan(protocol=Protocol(**{rule: False}), error_rate=RULES[rule])
    assert first_bad_seed(plan) is not None


def test_a_move_whose_source_changes_later_is_lost():
    """Rule 4 of storage/change.py, broken by a caller that promises a release and does not."""
    assert first_bad_seed(Plan(honest_copies=False)) is not None


def test_every_rule_is_switched_off_once():
    assert set(RULES) | NOTICED_ELSEWHERE == set(Protocol.__slots__)
