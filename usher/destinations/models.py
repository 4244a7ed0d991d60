"""Where audiences are taken: accounts at platforms."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from usher.lib import secrets

if TYPE_CHECKING:
    import httpx

    from usher.destinations.base import Platform


class Destination(models.Model):
    """An account at a platform."""

    name = models.TextField(unique=True)
    #: A folder of this room: a key of KINDS
    kind = models.TextField()
    #: The kind's settings form, without its secrets
    settings = models.JSONField(default=dict)
    #: The secrets of the form, as sealed JSON
    secret = models.TextField()
    #: {secret: environment variable it was read from}
    secret_env = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> dict[str, Any]:
        return json.loads(secrets.unseal(self.secret, settings.USHER_SECRET_KEYS)) if self.secret else {}

    def seal(self, values: dict[str, Any]) -> None:
        self.secret = secrets.seal(json.dumps(values, sort_keys=True), settings.USHER_SECRET_KEYS)

    @property
    def platform(self) -> type[Platform]:
        """The class that speaks with this kind of platform."""
        # here and not above: whoever only wants the rows need not wait for HTTP and Arrow
        from usher.destinations.kinds import KINDS

        return KINDS[self.kind]

    @property
    def address(self) -> str:
        """Changes when another account may be meant: everything of the form but its secrets and limits."""
        form = {name: value for name, value in self.settings.items() if name != "synced_tags"}
        return f"{self.kind} {json.dumps(form, sort_keys=True)}"

    @property
    def synced_tags(self) -> int:
        """How many tags may be taken there as data fields."""
        return int(self.settings.get("synced_tags", self.platform.capabilities.synced_tags))

    def connect(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        on_call: Callable[[str], None] = lambda kind: None,
        transport: httpx.BaseTransport | None = None,
    ) -> Platform:
        """An open connection; no call is made yet."""
        form = self.platform.Settings.model_validate({**self.settings, **self.secrets})
        return self.platform(form, sleep=sleep, on_call=on_call, transport=transport)
