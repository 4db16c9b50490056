"""Where the events of a dialog wait for their owner: the only part of a dialog that knows asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """A row of items with one reader. It grows without a bound: whoever puts things in looks at ``len`` before."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add one; nothing after ``close``."""
        if not self.closed:
            self._items.append(item)
            self._wake()

    def close(self) -> None:
        """Nothing more comes; what waits can still be taken."""
        self.closed = True
        self._wake()

    def take(self) -> list[Item]:
        """All that waits."""
        taken = list(self._items)
        self._items.clear()
        return taken

    async def get(self) -> Item:
        """The next one; raises ``StopAsyncIteration`` when it is closed and empty."""
        while not self._items:
            if self.closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
