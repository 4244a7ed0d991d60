"""The relay comes out of one setting, and is asked what it took only when it is the local sink."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from usher.engage.channels.relay import Relay
from usher.engage.deliver import relay
from usher.engage.deliver.tests.conftest import NOW
from usher.lib.env import SettingError
from usher.lib.spool import Spool


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("smtp://127.0.0.1:2525", Relay("127.0.0.1", 2525)),
        ("smtp://relay.example", Relay("relay.example", 25)),
        ("smtps://me:p%40ss@relay.example", Relay("relay.example", 465, "tls", "me", "p@ss")),
        ("smtp+starttls://me:x@relay.example:2587", Relay("relay.example", 2587, "starttls", "me", "x")),
    ],
)
def test_it_reads_the_address(url: str, wanted: Relay) -> None:
    assert relay.relay_from(url) == wanted


@pytest.mark.parametrize("url", ["", "relay.example:25", "http://relay.example", "smtp://", "smtp://a:99999"])
def test_it_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(SettingError, match="USHER_SMTP_URL"):
        relay.relay_from(url)


def test_only_the_sink_is_asked(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "DRAIN", 0)
    settings.USHER_DATA_DIR = tmp_path
    settings.USHER_SMTP_URL = "smtp://127.0.0.1:2525"
    assert relay.asked_sink({"<a@x>"}) is None
    raw = b"Message-ID: <a@x>\r\nSubject: s\r\n\r\nhello\r\n"
    Spool(tmp_path / "mail").append(raw, "b@x", ["c@x"], NOW)
    assert relay.asked_sink({"<a@x>", "<b@x>"}) == {"<a@x>"}
    settings.USHER_SMTP_URL = "smtp://127.0.0.1:25"
    assert relay.asked_sink({"<a@x>"}) is None
