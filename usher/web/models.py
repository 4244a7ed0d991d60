"""Wrong log-ins, kept so that guessing passwords is slow."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class WrongLogin(models.Model):
    """Somebody typed a wrong password for this name."""

    #: As typed, lower case.
    name = models.CharField(max_length=150)
    address = models.GenericIPAddressField(null=True)
    #: By the database's clock: the virtual one of a demo stands still.
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["name", "at"], name="wrong_logins_by_name")]

    def __str__(self) -> str:
        return f"{self.name} from {self.address}"
