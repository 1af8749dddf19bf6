"""What changes while somebody looks at it."""

import asyncio


class Changing:
    """A thing with a version, for which viewers wait.

    A viewer renders what it finds when it wakes, so a slow one skips versions and holds nobody up.

    Attributes:
        version: Grows with each change.
    """

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self.version = 0

    async def changed(self) -> None:
        """Tell all who wait."""
        async with self._condition:
            self.version += 1
            self._condition.notify_all()

    async def after(self, version: int, timeout_s: float) -> int:
        """Wait for a change after this version, or for a time; return the present version."""
        try:
            async with asyncio.timeout(timeout_s), self._condition:
                await self._condition.wait_for(lambda: self.version > version)
        except TimeoutError:
            pass
        return self.version
