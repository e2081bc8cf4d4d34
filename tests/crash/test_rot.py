"""Some seeds of damage at rest, of every kind of file: what is answered is right or says XX001."""

import logging

import pytest

from tests.crash.rot import run_seed

SEEDS = range(40)
SIGNS = ("XX001 wrong checksum in pages", "refused: ", "nobody noticed")


@pytest.fixture(scope="module")
def stories():
    logging.disable(logging.ERROR)
    try:
        return [run_seed(seed) for seed in SEEDS]  # raises for what was told wrong
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("sign", SIGNS)
def test_damage_is_told(stories, sign):
    assert any(sign in story for story in stories)
