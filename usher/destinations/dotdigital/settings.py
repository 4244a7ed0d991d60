"""The settings form of a Dotdigital account."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be an address such as https://r1-api.dotdigital.com, not {text!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "must not carry a user, a password or a query; username and password have fields of their own"
        )
    return text.rstrip("/")


class DotdigitalSettings(BaseModel):
    """An account at Dotdigital, or at a server that speaks its API."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://r1-api.dotdigital.com", title="Address", description="Any region will do; yours is found."
    )
    username: str = Field(min_length=1, title="API user name", description="apiuser-…@apiconnector.com")
    password: SecretStr = Field(min_length=1, title="Password")
    #: None: as many as accounts usually take.
    synced_tags: int | None = Field(None, ge=0, title="Most tags that are synced")
    #: None: ask where the account lives if the address is one of Dotdigital's own.
    region_discovery: bool | None = Field(None, title="Find the account's region")

    @property
    def discovers_region(self) -> bool:
        if self.region_discovery is not None:
            return self.region_discovery
        host = urlsplit(self.url).hostname or ""
        return host.endswith((".dotdigital.com", ".dotmailer.com"))
