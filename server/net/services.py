"""SERVICES: what runs beside the clients, the kernel's first and then what features bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.net.autovacuum import Autovacuum

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from server.database import Database
    from server.feature import RunningService, Service

SERVICES: Final[tuple[Service, ...]] = (Autovacuum,)


class Services:
    """All of them, started in order; they are stopped in the other order."""

    def __init__(
        self, database: Database, loop: asyncio.AbstractEventLoop, next_pid: Callable[[], int]
    ) -> None:
        brought = (service for feature in database.features for service in feature.services)
        self.running: list[RunningService] = [
            start(database, loop, next_pid) for start in (*SERVICES, *brought)
        ]

    async def stop(self) -> None:
        """End them one after the other."""
        while self.running:
            await self.running.pop().stop()
