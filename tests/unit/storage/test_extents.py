"""FreeSpace against a set of pages."""

import random

from storage.extents import FreeSpace


def test_neighbours_become_one_run():
    free = FreeSpace()
    free.add(0, 2)
    free.add(4, 2)
    free.add(2, 2)
    assert free.runs() == [(0, 6)]
    assert free.tail_count(6) == 6
    assert free.tail_count(7) == 0


def test_the_smallest_run_that_fits_is_taken():
    free = FreeSpace()
    free.add(0, 10)
    free.add(20, 3)
    assert free.take(2) == 20
    assert free.take(11) is None
    assert free.runs() == [(0, 10), (22, 1)]


def test_random_use_never_hands_out_a_page_twice():
    chance = random.Random(5)
    free = FreeSpace()
    used: list[tuple[int, int]] = []
    free.add(0, 1000)
    for _ in range(2000):
        if used and chance.random() < 0.5:
            free.add(*used.pop(chance.randrange(len(used))))
            continue
        count = chance.randrange(1, 40)
        first = free.take(count)
        if first is not None:
            used.append((first, count))
        pages = [
            page for first, count in used + free.runs() for page in range(first, first + count)
        ]
        assert sorted(pages) == list(range(1000))
        assert free.page_count == 1000 - sum(count for _, count in used)
