"""An account of the engine, and the API users that may speak for it."""

from __future__ import annotations

from django.db import models


class Account(models.Model):
    """One organisation's contacts, lists, campaigns and programs, apart from every other's."""

    name = models.CharField(max_length=128, unique=True)
    #: Schedules, dates without a time and "at 07:00" are read in this zone.
    time_zone = models.CharField(max_length=64, default="UTC")
    #: From whom mail comes when a campaign does not say.
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.EmailField(default="mail@example.com")
    #: The last part of Message-ID and of return paths.
    mail_domain = models.CharField(max_length=255, default="localhost")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ApiUser(models.Model):
    """A user name and password with which a program calls the API."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_users")
    username = models.CharField(max_length=128, unique=True)
    #: Django's password hash.
    password = models.CharField(max_length=256)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.username
