"""A shelf that forgets: for the terminal and for tests, where nothing outlives the process."""

from __future__ import annotations

from offhook.records import Delivery, Notification


class MemoryShelf:
    """Keeps notifications in memory, and what became of them."""

    def __init__(self) -> None:
        """Empty."""
        self._kept: dict[str, Notification] = {}
        self._asked: list[str] = []
        self.deliveries: list[Delivery] = []

    async def add(self, notification: Notification) -> None:
        """Keep it."""
        self._kept[notification.id] = notification

    def ask_again(self, notification: Notification) -> None:
        """Somebody wants it to be sent again."""
        self._kept[notification.id] = notification
        self._asked.append(notification.id)

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished."""
        return list(self._kept.values())[:limit]

    async def asked_again(self) -> list[Notification]:
        """What is asked for again, each told once."""
        asked, self._asked = self._asked, []
        return [self._kept[each] for each in asked if each in self._kept]

    async def postpone(self, notification: Notification) -> None:
        """It is tried again later."""
        self._kept[notification.id] = notification

    async def finish(self, delivery: Delivery) -> None:
        """Strike it off."""
        if self._kept.pop(delivery.notification_id, None) is not None:
            self.deliveries.append(delivery)
