"""Budget: the bytes that the connections of one worker may hold together."""

from app.monitoring.metrics import Metrics
from app.settings import Settings

SMALL_BODY = 64 * 1024
"""Bodies up to this size are not counted, so that what large ones hold never refuses a small one."""


class Budget:
    """The limits of a worker's connections, and the bytes that count against MAX_BUFFERED_BYTES."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.held = 0
        """Of bodies, from their first byte until their request is done."""
        self.unread = 0
        """Of answers that their clients have not taken, as of the last sweep."""

    def is_spent(self) -> bool:
        return self.held + self.unread > self.settings.max_buffered_bytes
