"""Faults put into the API's answers on purpose, for those who try out what their integration does then."""

from __future__ import annotations

import random
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.models import Account
from usher.engage.tally import tally


class Faults(BaseModel):
    """What goes wrong; shares are between 0 and 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Calls that are answered with 500, and nothing was done.
    errors: float = Field(0, ge=0, le=1)
    #: Calls whose work is done, and whose connection is cut before the answer.
    lost_replies: float = Field(0, ge=0, le=1)
    #: Milliseconds by which every answer is late: at least, at most.
    delay: tuple[int, int] = (0, 0)
    #: The account lives at another address, which account-info tells.
    wrong_region: bool = False
    #: Everything is answered with 503.
    maintenance: bool = False
    #: Everything is answered as if the limit of its tier were reached.
    rate_limited: bool = False
    #: The same calls in the same order meet the same faults; without it chance decides.
    seed: int | None = None
    #: Which setting of the faults this is: calls are numbered from its beginning.
    begun: int = 0

    @model_validator(mode="after")
    def _delays_in_order(self) -> Faults:
        shortest, longest = self.delay
        if not 0 <= shortest <= longest <= 120_000:
            raise ValueError("a delay is up to 120000 ms, the shorter number first")
        return self

    def told(self) -> list[str]:
        """One line for each fault."""
        shortest, longest = self.delay
        lines = {
            f"{self.errors:.0%} of the calls are answered with 500": self.errors,
            f"{self.lost_replies:.0%} of the replies are lost": self.lost_replies,
            f"answers are {shortest} to {longest} ms late": longest,
            "the account lives at another address, which account-info tells": self.wrong_region,
            "maintenance: everything is answered with 503": self.maintenance,
            "every limited call is over its limit": self.rate_limited,
            f"the same faults again for the same calls: seed {self.seed}": self.seed is not None,
        }
        return [line for line, holds in lines.items() if holds] or ["Nothing goes wrong."]


class Dealt(NamedTuple):
    """What one call meets."""

    seconds: float
    fails: bool
    is_lost: bool


def is_allowed() -> bool:
    """Never where people are served."""
    return bool(settings.USHER_MODE != "production")


def faults_of(account: Account) -> Faults | None:
    """What goes wrong in this account, if anything is to."""
    return Faults.model_validate(account.sandbox) if account.sandbox and is_allowed() else None


def put(account: Account, faults: Faults | None, now: datetime) -> None:
    """From the next call on these faults, or none."""
    begun = {"begun": int(now.timestamp() * 1000) % 2**32}
    account.sandbox = faults.model_copy(update=begun).model_dump(mode="json") if faults else {}
    account.save(update_fields=["sandbox"])


def endpoint(account: Account) -> str:
    """Where the account's API is: here, or under another name of this machine in the wrong region."""
    faults = faults_of(account)
    here = urlsplit(str(settings.USHER_PUBLIC_URL))
    if not (faults and faults.wrong_region):
        return here.geturl()
    host = here.hostname or ""
    other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}.get(host, f"r2-{host}")
    return here._replace(netloc=here.netloc.replace(host, other, 1)).geturl()


def deal(account: Account, faults: Faults) -> Dealt:
    """What the next call meets; every call throws the same dice, so that each fault is dealt by itself."""
    dice = random.Random(None if faults.seed is None else f"{faults.seed}:{_number(account, faults)}")
    shortest, longest = faults.delay
    return Dealt(
        dice.uniform(shortest, longest) / 1000,
        dice.random() < faults.errors,
        dice.random() < faults.lost_replies,
    )


def _number(account: Account, faults: Faults) -> int:
    """Which call this is since the faults were set, over all web processes of this machine."""
    calls = tally(f"sandbox-{account.pk}", 1, 1)
    with calls.held():
        calls.add(0, faults.begun, [0])
        return calls.counts(0, faults.begun)[0]
