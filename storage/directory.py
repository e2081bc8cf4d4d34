r"""The data directory as a whole: made, recognised, locked.

RUSTYDB_VERSION   "1\\n", the version of the format
rustydb.lock      locked while a server uses the directory; holds its process id
control           where recovery starts
wal/  pages/  sums/
"""

from storage.control import CONTROL_NAME
from storage.errors import DirectoryError
from storage.files import Files
from storage.log_segments import DIRECTORY as WAL_DIRECTORY
from storage.segments import PAGES_DIRECTORY, SUMS_DIRECTORY

VERSION_NAME = "RUSTYDB_VERSION"
LOCK_NAME = "rustydb.lock"
FORMAT_VERSION = 1
DIRECTORIES = (WAL_DIRECTORY, PAGES_DIRECTORY, SUMS_DIRECTORY)
_VERSION_NEW = f"{VERSION_NAME}.new"
_OURS = (CONTROL_NAME, _VERSION_NEW, *DIRECTORIES)


def is_initialised(files: Files) -> bool:
    """Whether the directory holds a store that was completely created."""
    return files.exists("") and files.exists(VERSION_NAME)


def make(files: Files) -> None:
    """Makes the folders of a new store and locks it; refuses a directory with anything in it.

    What a creation that was cut short has left is removed: it has a lock but no version file.
    """
    if not files.exists(""):
        files.make_directory("")
    names = set(files.list(""))
    if not names:
        # A volume that was just mounted belongs to us but is open to all; nothing is in it yet.
        files.restrict_permissions()
    files.check_permissions()
    strangers = names - ({LOCK_NAME, *_OURS} if LOCK_NAME in names else set())
    if strangers:
        raise DirectoryError(f'data directory is not empty: it contains "{min(strangers)}"')
    files.lock(LOCK_NAME)
    # First of all names on disk, so that what comes after it is known to be ours.
    files.sync_directory("")
    for directory in DIRECTORIES:
        if directory not in names:
            files.make_directory(directory)
        for name in files.list(directory):
            files.remove(f"{directory}/{name}")
    for name in sorted(names & {CONTROL_NAME, _VERSION_NEW}):
        files.remove(name)


def seal(files: Files) -> None:
    """Declares a new store complete, durably: the version file comes last."""
    file = files.open(_VERSION_NEW, create=True)
    file.pwrite(0, f"{FORMAT_VERSION}\n".encode())
    file.datasync()
    file.close()
    files.rename(_VERSION_NEW, VERSION_NAME)
    files.sync_directory("")


def enter(files: Files) -> None:
    """Checks that the directory is a store of this format, ours, and not in use; locks it."""
    if not is_initialised(files):
        raise DirectoryError(f"data directory is not initialised: it has no {VERSION_NAME} file")
    files.check_permissions()
    file = files.open(VERSION_NAME)
    text = file.pread(0, 64).decode("ascii", "replace").strip()
    file.close()
    if not text.isdigit() or int(text) == 0:
        raise DirectoryError(f"{VERSION_NAME} is not a version number: {text!r}")
    if int(text) != FORMAT_VERSION:
        raise DirectoryError(
            f"data directory has format version {text}, this server reads {FORMAT_VERSION}"
        )
    files.lock(LOCK_NAME)
    # A killed server may have left names unsynced.
    for name in ("", *DIRECTORIES):
        files.sync_directory(name)
