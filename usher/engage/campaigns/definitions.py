"""Campaigns in definition files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.campaigns import senders
from usher.engage.campaigns.edit import OPEN
from usher.engage.campaigns.named import meant
from usher.engage.content.check import problems
from usher.engage.content.fields import Fields
from usher.engage.models import Account, Campaign
from usher.engage.models.campaigns import CampaignStatus
from usher.lib.changes import Change, DefinitionError, written

KIND = "campaign"


class CampaignBody(BaseModel):
    """A mail: its two parts stand here, or in files beside the definitions."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=998)
    from_name: str = Field("", max_length=128)
    from_address: str = Field("", max_length=254)
    reply_to: str = Field("", max_length=254)
    tags: list[str] = []
    type: Literal["triggered", "standard"] = "triggered"
    html: str | None = None
    html_file: str | None = None
    text: str | None = None
    text_file: str | None = None

    @model_validator(mode="after")
    def _has_both_parts(self) -> Self:
        for part in ("html", "text"):
            if (getattr(self, part) is None) == (getattr(self, f"{part}_file") is None):
                raise ValueError(f"say either `{part}` or `{part}_file`")
        return self


SECTIONS: dict[str, type[BaseModel]] = {"campaigns": CampaignBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the campaign as `body` says; DefinitionError keeps everything as it was.

    Its from address becomes one of the account's. Sending is nothing that files do: applying them again,
    or elsewhere, would mail people.
    """
    account = account_for(KIND, name)
    assert isinstance(body, CampaignBody), section
    wanted = _wanted(name, body, base_dir)
    if found := problems(wanted["subject"], wanted["html"], wanted["text"], Fields.of(account)):
        raise DefinitionError(KIND, name, "", "; ".join(found))
    had = meant(account, name)
    if had is None:
        Campaign.objects.create(account=account, created_at=now, updated_at=now, **wanted)
        senders.make_known(account, body.from_address, now)
        return written(KIND, name, True, ())
    if had.status != CampaignStatus.TRIGGERED and body.type == "standard":
        wanted["status"] = had.status  # how far it is with being sent is not for files to say
    changed = [field for field, value in wanted.items() if getattr(had, field) != value]
    if changed and had.status not in OPEN:
        raise DefinitionError(
            KIND, name, changed[0], f"it is {had.status} and stays as it was; name a new one"
        )
    if changed:
        Campaign.objects.filter(pk=had.pk).update(updated_at=now, **wanted)
        senders.make_known(account, body.from_address, now)
    return written(KIND, name, False, changed)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every campaign of the oldest account as its YAML body; of several of a name the one that files mean."""
    account = Account.objects.order_by("pk").first()
    oldest: dict[str, Campaign] = {}
    for campaign in Campaign.objects.filter(account=account).order_by("pk"):
        oldest.setdefault(campaign.name.lower(), campaign)
    return {one.name: _exported(one) for one in sorted(oldest.values(), key=lambda one: one.name)}


def account_for(kind: str, name: str) -> Account:
    """The account that definitions are about: this installation's first."""
    account = Account.objects.order_by("pk").first()
    if account is None:
        raise DefinitionError(kind, name, "", "there is no account yet; define `account` with its name first")
    return account


def _wanted(name: str, body: CampaignBody, base_dir: Path) -> dict[str, Any]:
    return {
        "name": name,
        "subject": body.subject,
        "from_name": body.from_name,
        "from_address": body.from_address,
        "reply_to": body.reply_to,
        "tags": body.tags,
        "status": CampaignStatus.TRIGGERED if body.type == "triggered" else CampaignStatus.UNSENT,
        "html": body.html if body.html is not None else _read(name, "html_file", body.html_file, base_dir),
        "text": body.text if body.text is not None else _read(name, "text_file", body.text_file, base_dir),
    }


def _read(name: str, field: str, file: str | None, base_dir: Path) -> str:
    try:
        return (base_dir / str(file)).read_text("utf-8")
    except OSError as error:
        raise DefinitionError(KIND, name, field, f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DefinitionError(KIND, name, field, f"{file} is not UTF-8 text") from None


def _exported(campaign: Campaign) -> dict[str, Any]:
    names = ("subject", "from_name", "from_address", "reply_to", "tags")
    body = {name: getattr(campaign, name) for name in names if getattr(campaign, name)}
    kind = "triggered" if campaign.status == CampaignStatus.TRIGGERED else "standard"
    return body | {"type": kind, "html": campaign.html, "text": campaign.text}
