from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import stamina

from usher.lib.http import ATTEMPTS, Http, OutsideError


@pytest.fixture(autouse=True)
def without_backoff() -> Iterator[None]:
    stamina.set_testing(True, attempts=ATTEMPTS)
    yield
    stamina.set_testing(False)


class Answers:
    """Answers in turn: a status, or an error of the wire."""

    def __init__(self, *answers: int | type[httpx.TransportError]) -> None:
        self.answers, self.calls, self.slept = list(answers), list[str](), list[float]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer, text="said")
        raise answer("cut off")

    def open(self) -> Http:
        return Http(
            "https://x.example/",
            name="the platform",
            explain=lambda reply: OutsideError(f"answered {reply.status_code}", retry=False),
            on_call=self.calls.append,
            sleep=self.slept.append,
            transport=httpx.MockTransport(self),
        )


def test_a_get_gets_over_a_broken_connection_and_a_5xx() -> None:
    answers = Answers(httpx.ReadError, 503, 200)
    assert answers.open().call("lists", "GET", "/lists").text == "said"
    assert answers.calls == ["lists", "lists", "lists"]


def test_a_call_that_does_harm_twice_is_made_once() -> None:
    for answer in (httpx.ReadError, httpx.ReadTimeout, 503):
        answers = Answers(answer, 200)
        with pytest.raises(OutsideError):
            answers.open().call("send", "POST", "/send")
        assert answers.calls == ["send"]


def test_a_call_that_was_never_sent_may_be_repeated_whatever_it_is() -> None:
    answers = Answers(httpx.ConnectError, 200)
    assert answers.open().call("send", "POST", "/send").status_code == 200


def test_it_gives_up_after_three_tries() -> None:
    answers = Answers(*[httpx.ConnectError] * 5)
    with pytest.raises(OutsideError, match=r"the platform at https://x\.example does not answer") as caught:
        answers.open().call("lists", "GET", "/lists")
    assert len(answers.calls) == 3
    assert caught.value.retry


def test_a_429_is_waited_out_even_when_the_call_may_not_be_repeated() -> None:
    answers = Answers(429, 429, 202)
    assert answers.open().call("send", "POST", "/send").status_code == 202
    assert len(answers.slept) == 2


def test_a_redirect_is_an_error_because_it_would_lose_the_body() -> None:
    with pytest.raises(OutsideError, match="answered 302"):
        Answers(302).open().call("lists", "GET", "/lists")
