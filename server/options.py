"""Options: what the command line, the environment and rustydb.toml say, merged into settings.

The last of these that names a setting wins: rustydb.toml, environment, command line. Anything wrong is one clear line.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from server.config import BY_NAME, ServerSettings
from server.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Keys of rustydb.toml that are not settings' own names.
FILE_KEYS: Mapping[tuple[str, str], str] = {
    ("database", "data_dir"): "data_directory",
    ("database", "page_size"): "block_size",
    ("database", "buffer_pool_size"): "shared_buffers",
    ("server", "host"): "listen_addresses",
    ("server", "port"): "port",
    ("server", "api_port"): "api_port",
    ("server", "monitoring_port"): "monitoring_port",
    ("connection", "max_connections"): "max_connections",
    ("connection", "connection_timeout"): "authentication_timeout",
}

ENVIRONMENT: Mapping[str, str] = {
    "PGDATA": "data_directory",
    "RUSTYDB_DATA": "data_directory",
    "RUSTYDB_HOST": "listen_addresses",
    "RUSTYDB_PORT": "port",
    "RUSTYDB_MAX_CONNECTIONS": "max_connections",
    "RUSTYDB_CONNECTION_TIMEOUT": "authentication_timeout",
    "RUSTYDB_BUFFER_POOL_SIZE": "shared_buffers",
    "RUSTYDB_API_PORT": "api_port",
    "RUSTYDB_MONITORING_PORT": "monitoring_port",
}

DATA_DIRECTORY_DEFAULT = "./data"
HELP_COLUMNS = 100


class OptionError(Exception):
    """A bad option; the message is the one line to print."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the server is started with."""

    data: Path
    settings: dict[str, tuple[str, str]]  # text and source by name
    init_only: bool
    superuser: str
    password_file: Path | None
    config_file: Path
    check: bool


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Merge all sources; raises OptionError."""
    chosen = _parser().parse_args(arguments)
    config_file = Path(chosen.config or environment.get("RUSTYDB_CONFIG") or "rustydb.toml")
    settings: dict[str, tuple[str, str]] = {}
    if config_file.exists():
        settings |= read_file(config_file)
    elif chosen.config:
        raise OptionError(f'configuration file "{config_file}" does not exist')
    for variable, name in ENVIRONMENT.items():
        if environment.get(variable):
            settings[name] = (environment[variable], "environment variable")
    for name, value in (
        ("data_directory", chosen.directory or chosen.data),
        ("listen_addresses", chosen.host),
        ("port", chosen.port),
    ):
        if value is not None:
            settings[name] = (str(value), "command line")
    for pair in chosen.c:
        name, equals, value = pair.partition("=")
        if not equals:
            raise OptionError(f"-c {pair} requires a value")
        settings[name.strip()] = (value, "command line")
    data = Path(settings.get("data_directory", (DATA_DIRECTORY_DEFAULT, ""))[0])
    settings["data_directory"] = (str(data.absolute()), "override")
    _validate(settings)
    return Options(
        data=data,
        settings=settings,
        init_only=chosen.init_only,
        superuser=chosen.superuser,
        password_file=Path(chosen.pwfile) if chosen.pwfile else None,
        config_file=config_file,
        check=chosen.command == "check",
    )


def _parser() -> argparse.ArgumentParser:
    # Asked for the terminal's width, as options are added, it would import shutil and three compressions at each start.
    formatter = partial(argparse.HelpFormatter, width=HELP_COLUMNS)
    parser = argparse.ArgumentParser(
        prog="rustydb", description="Serve a RustyDB data directory.", formatter_class=formatter
    )
    parser.add_argument("command", nargs="?", choices=("serve", "check"), default="serve")
    parser.add_argument("directory", nargs="?", metavar="DIR", help="the same as --data DIR")
    parser.add_argument(
        "--data", "-D", metavar="DIR", help=f"data directory (default {DATA_DIRECTORY_DEFAULT})"
    )
    parser.add_argument(
        "--host", metavar="ADDRESS", help="addresses to listen on (default 127.0.0.1)"
    )
    parser.add_argument("--port", "-p", metavar="PORT", help="port to listen on (default 5432)")
    parser.add_argument(
        "-c", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="configuration file (default ./rustydb.toml)"
    )
    parser.add_argument("--init-only", action="store_true", help="make the data directory and stop")
    parser.add_argument(
        "--superuser", default="postgres", metavar="NAME", help="first role of a new directory"
    )
    parser.add_argument(
        "--pwfile", metavar="FILE", help="file with that role's password; turns on password login"
    )
    return parser


def read_file(path: Path) -> dict[str, tuple[str, str]]:
    """The settings of a rustydb.toml; raises OptionError."""
    try:
        sections = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f'configuration file "{path}": {error}') from error
    settings = {}
    for section, items in sections.items():
        if not isinstance(items, dict):
            raise OptionError(f'configuration file "{path}": "{section}" is not in a section')
        for key, value in items.items():
            name = FILE_KEYS.get((section, key)) or (key if section == "settings" else None)
            if name is None:
                raise OptionError(f'configuration file "{path}": unknown key "{section}.{key}"')
            text = ("on" if value else "off") if isinstance(value, bool) else str(value)
            settings[name] = (text, "configuration file")
    return settings


def _validate(settings: dict[str, tuple[str, str]]) -> None:
    if settings.get("block_size", ("8192", ""))[0] not in ("8192", "8kB"):
        raise OptionError("page_size must be 8192")
    settings.pop("block_size", None)
    for name in settings:
        if name.lower() not in BY_NAME:
            raise OptionError(f'unrecognized configuration parameter "{name}"')
    try:
        ServerSettings(settings)
    except SqlError as error:
        raise OptionError(str(error)) from error
