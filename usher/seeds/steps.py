"""One mail that a path expects, and the window it is expected in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from usher.seeds import durations


@dataclass(frozen=True)
class Step:
    """`mail` must come within `window`, `after` the program's hour `at` that follows the placement.

    Without `at` the time runs from the placement itself, as for a program that starts on joining the list.
    """

    mail: str
    subject: str
    at: time | None
    after: timedelta
    window: timedelta

    @classmethod
    def from_json(cls, body: dict[str, str]) -> Step:
        return cls(
            mail=body["mail"],
            subject=body.get("subject", body["mail"]),
            at=time.fromisoformat(body["at"]) if "at" in body else None,
            after=durations.parse(body["after"]),
            window=durations.parse(body["window"]),
        )

    def to_json(self) -> dict[str, str]:
        return {
            "mail": self.mail,
            **({"subject": self.subject} if self.subject != self.mail else {}),
            **({"at": f"{self.at:%H:%M}"} if self.at else {}),
            "after": durations.write(self.after),
            "window": durations.write(self.window),
        }

    def due_at(self, placed_at: datetime, zone: tzinfo) -> datetime:
        """When the window opens: a day is 24 hours, as in the program's own waits."""
        start = placed_at if self.at is None else at_or_after(placed_at, self.at, zone)
        return start + self.after


def at_or_after(moment: datetime, at: time, zone: tzinfo) -> datetime:
    """The first time the clock in `zone` shows `at`, not before `moment`."""
    day = moment.astimezone(zone).date()
    candidates = (datetime.combine(day + timedelta(days=ahead), at, zone).astimezone(UTC) for ahead in (0, 1))
    return next(candidate for candidate in candidates if candidate >= moment)
