"""Django's connection to PostgreSQL; one that answered a moment ago is not asked whether it is there."""

from __future__ import annotations

import select
import sys
import time
from typing import Any

from django.db.backends.postgresql import base

#: Seconds for which an answer tells that the server is there.
FRESH = 5.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Found by Django under the name of this package."""

    _answered = float("-inf")

    def get_connection_params(self) -> dict[str, Any]:
        """Statements are prepared where that is asked for (`usher.lib.database.ready`), and only there."""
        params: dict[str, Any] = super().get_connection_params()
        return params | {"prepare_threshold": sys.maxsize}

    def is_usable(self) -> bool:
        """A server that goes away closes the connection, which is then read as its end: that costs no
        question. One that went silently (a network that is cut) is found by asking, after a pause."""
        if time.monotonic() - self._answered < FRESH and not self._has_news():
            return True
        is_there: bool = super().is_usable()
        self._answered = time.monotonic() if is_there else float("-inf")
        return is_there

    def _has_news(self) -> bool:
        if self.connection is None or self.connection.closed:
            return True
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
