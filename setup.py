"""The compiled half of the build: every .pyx under a native/ folder becomes an extension module."""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent

COMPILE_FLAGS = ["-O3", "-fno-strict-aliasing", "-Wno-unused-function"]
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": False,
}


def extensions() -> list[Extension]:
    """One extension a .pyx file, named by its path."""
    found = sorted(
        path for top in ("protocol", "storage", "server") for path in (ROOT / top).rglob("*.pyx")
    )
    return [
        Extension(
            ".".join(path.relative_to(ROOT).with_suffix("").parts),
            [str(path.relative_to(ROOT))],
            include_dirs=[numpy.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=COMPILE_FLAGS,
        )
        for path in found
    ]


CORES = os.cpu_count() or 1

setup(
    ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES, nthreads=CORES),
    options={"build_ext": {"parallel": CORES}},
)
