"""Log-in, log-out, and guessing passwords."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from usher.web import throttle
from usher.web.models import WrongLogin

pytestmark = pytest.mark.django_db


def attempt(client: Client, password: str, name: str = "alice", **extra: str) -> str:
    answer = client.post("/login", {"username": name, "password": password}, **extra)
    return "in" if answer.status_code == 302 else answer.content.decode()


def test_it_lets_alice_in_and_out(alice: User, client: Client) -> None:
    assert attempt(client, "correct horse battery") == "in"
    assert client.get("/settings").status_code == 200
    assert client.post("/logout").status_code == 302
    assert client.get("/settings").status_code == 302


def test_it_refuses_a_wrong_password(alice: User, client: Client) -> None:
    assert "correct username and password" in attempt(client, "wrong")
    assert WrongLogin.objects.get().name == "alice"


def test_it_makes_who_guesses_wait_even_with_the_right_password(alice: User, client: Client) -> None:
    for guess in range(throttle.FROM_ONE_ADDRESS):
        attempt(client, f"guess {guess}", name="Alice")
    assert "Too many wrong passwords" in attempt(client, "correct horse battery")
    assert attempt(client, "correct horse battery", REMOTE_ADDR="10.0.0.9") == "in"


def test_it_forgets_wrong_passwords_after_a_while(alice: User, client: Client) -> None:
    for guess in range(throttle.FROM_ONE_ADDRESS):
        attempt(client, f"guess {guess}")
    for wrong in WrongLogin.objects.all():
        WrongLogin.objects.filter(pk=wrong.pk).update(at=wrong.at - throttle.WINDOW)
    assert attempt(client, "correct horse battery") == "in"


def test_it_does_not_follow_next_to_another_site(alice: User, client: Client) -> None:
    form = {"username": "alice", "password": "correct horse battery", "next": "https://evil.example.com/"}
    assert client.post("/login", form)["Location"] == "/"


def test_a_new_password_ends_other_sessions(page: Client, alice: User) -> None:
    other = Client()
    other.force_login(alice)
    words = "a quite different phrase"
    form = {"old_password": "correct horse battery", "new_password1": words, "new_password2": words}
    assert page.post("/settings/password", form).status_code == 302
    assert page.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 302


def test_it_says_why_a_password_was_not_changed(page: Client) -> None:
    form = {"old_password": "wrong", "new_password1": "short", "new_password2": "short"}
    said = page.post("/settings/password", form).content.decode()
    assert "The password was not changed." in said
    assert "Your old password was entered incorrectly" in said


def test_whoever_logged_out_elsewhere_is_led_to_the_log_in(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login", {"username": "alice"})
    assert answer.status_code == 403
    assert 'href="/login"' in answer.content.decode()


def test_a_visitor_with_a_bad_link_is_not_led_to_the_log_in(page: Client) -> None:
    assert 'href="/"' not in Client().get("/m/nonsense").content.decode()
    assert "There is no page here" in Client().get("/m/nonsense").content.decode()
    assert 'href="/"' in page.get("/m/nonsense").content.decode()
