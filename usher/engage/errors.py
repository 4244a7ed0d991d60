"""Why the engine does not do what it was asked to."""

from __future__ import annotations

#: Asking again later may succeed.
PASSING = frozenset(
    {
        "ERROR_ADDRESSBOOK_IN_USE",
        "ERROR_IMPORT_TOOMANYACTIVEIMPORTS",
        "ERROR_ENROLMENT_ALLOWANCE_EXCEEDED",
        "ERROR_ENROLMENT_IS_PROCESSING",
    }
)


class EngageError(Exception):
    """The engine will not do this. `token` is Dotdigital's name for the reason; the text is for a person."""

    def __init__(self, token: str, message: str = "Error:") -> None:
        super().__init__(f"{message} {token}")
        self.token, self.message = token, message

    @property
    def retry(self) -> bool:
        return self.token in PASSING
