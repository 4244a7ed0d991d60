"""Encrypted and password-protected relays, played by aiosmtpd, which does not pipeline."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from usher.engage.channels.smtp import Envelope, Outcome, Relay, Security, Sender

MAIL = Envelope(7, "bounce@example.com", "alice@example.com", b"Subject: Hello\r\n\r\n.dot\r\n")


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        assert session.ssl or not server.tls_context
        self.mails.append(envelope.content)
        return "250 OK"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"usher", b"secret"), handled=False)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path / "relay.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return file


@contextmanager
def relay(inbox: Inbox, security: Security, certificate: Path) -> Iterator[int]:
    """The port of a relay that wants the user `usher` with the password `secret`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def session() -> SMTP:
        return SMTP(
            inbox,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=security == "starttls",
            tls_context=context if security == "starttls" else None,
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(session, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    server.close()
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()


def send(port: int, security: Security, password: str = "secret", username: str = "usher") -> Outcome:
    settings = Relay("127.0.0.1", port, security, username, password, connections=1, timeout=5)
    with Sender(settings) as sender:
        outcomes = [sender.send([MAIL])[0] for _ in range(2)]
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_it_logs_in_over_each_kind_of_connection(
    security: Security, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    inbox = Inbox()
    with relay(inbox, security, certificate) as port:
        assert send(port, security).state == "accepted"
    assert inbox.mails == [MAIL.data, MAIL.data]


def test_a_wrong_password_defers_and_blames_nobody(certificate: Path):
    with relay(Inbox(), "none", certificate) as port:
        outcome = send(port, "none", password="wrong")
    assert (outcome.state, outcome.code, outcome.at_stage) == ("deferred", 535, "auth")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(security: Security, certificate: Path):
    inbox = Inbox()
    with relay(inbox, security, certificate) as port:
        outcome = send(port, security)
    assert (outcome.state, outcome.code) == ("deferred", None)
    assert "certificate" in outcome.text
    assert inbox.mails == []


def test_a_relay_without_starttls_gets_no_password(certificate: Path):
    inbox = Inbox()
    with relay(inbox, "none", certificate) as port:
        outcome = send(port, "starttls")
    assert (outcome.state, outcome.at_stage) == ("deferred", "greeting")
    assert "STARTTLS" in outcome.text
    assert inbox.mails == []


def test_a_password_is_not_printed():
    assert "secret" not in repr(Relay("mail.example.com", 587, "starttls", "usher", "secret"))
