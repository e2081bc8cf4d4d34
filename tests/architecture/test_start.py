"""What a start runs: few modules before the first answer, and all of them, with all their functions, in the end."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS_MAX, OTHERS_MAX = 366, 176
"""Modules that run before the first answer: less is better, more is for a reason."""
BEGIN = """
import sys
from server.start_image import StartImage
image = StartImage(sys.argv[1])
image.install()
from server import lazy_dataclasses, side_doors
side_doors.install()
lazy_dataclasses.install()
import server.main
from server.late_code import LATE
"""
ALL = """
ran = len(list(image.rest()))
lates = [vars(module)[LATE] for module in list(sys.modules.values()) if LATE in vars(module)]
woken = [late.awake(number) for late in lates for number in list(late._functions)]
print(ran, len(woken), len([function for function in woken if "__late__" in function.__code__.co_names]))
"""
ANSWER = """
import os, subprocess, threading

def ask():
    subprocess.run([sys.executable, "-c", sys.argv[4], sys.argv[3]], check=True)
    names = [name for name in image._modules if name in sys.modules]
    lates = [vars(sys.modules[name]).get(LATE) for name in names]
    ran = sum(late is not None and late.has_run for late in lates)
    print(ran, lates.count(None), flush=True)
    os._exit(0)

threading.Thread(target=ask).start()
from server.net import remainder
remainder.Remainder  # runs it, or it would set what is set here
remainder.FIRST_SECONDS = 60.0
server.main.main(["--data", sys.argv[2], "--port", sys.argv[3]])
"""
CLIENT = """
import psycopg, sys, time
while True:
    try:
        with psycopg.connect(host="127.0.0.1", port=sys.argv[1], user="postgres") as connection:
            connection.execute("SELECT 1")
        break
    except psycopg.OperationalError:
        time.sleep(0.01)
"""


def run(source: str, *arguments: object) -> list[int]:
    """The numbers that a process prints which begins as a server does."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + source, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(word) for word in done.stdout.split()]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An image of the sources as they are."""
    path = tmp_path_factory.mktemp("start") / "start.image"
    run("image.remove()", path)
    return path


def test_every_module_can_be_run_and_every_function_called(image):
    ran, woken, still_waiting = run(ALL, image)
    assert ran > 800
    assert woken > 10_000
    assert still_waiting == 0


def test_first_answer_needs_few_modules(image, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run(
        "image.remove(); server.main.main(['--init-only', '--data', sys.argv[2]])",
        image,
        tmp_path / "data",
    )
    ours, others = run(ANSWER, image, tmp_path / "data", port, CLIENT)
    assert ours < OURS_MAX
    assert others < OTHERS_MAX
