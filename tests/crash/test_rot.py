"""Some seeds of damage at rest, of every kind of file: what is answered is right or says XX001."""

import logging

import pytest

from tests.crash.rot import run_seed

SEEDS = {
    5: "nobody noticed",  # the log behind the last flush is torn for all anybody knows
    13: "XX001 wrong checksum in pages/00000002",
    15: "refused: missing page in pages/00000000",
    26: "refused: bad control block",
    30: "nobody noticed",  # a segment of the log that was prepared ahead
    50: "XX001 wrong checksum in pages/00000002",
    66: "XX001 wrong checksum in pages/00000002",
    90: "refused: wrong checksum in pages/00000000, page 1",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_damage_is_told(seed):
    logging.disable(logging.ERROR)
    try:
        assert SEEDS[seed] in run_seed(seed)
    finally:
        logging.disable(logging.NOTSET)
