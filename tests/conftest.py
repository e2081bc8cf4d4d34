"""Lists the plugins of support/, nothing else."""

pytest_plugins = [
    "tests.support.clock",
    "tests.support.engine",
    "tests.support.conversation",
    "tests.support.server",
    "tests.support.oracle",
]
