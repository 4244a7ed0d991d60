from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from usher.seeds.match import Arrived, Expected, fits, match, verdict
from usher.seeds.tests.conftest import at

FIRST = Expected(1, "We miss you", at(1, "07:00"), at(1, "07:30"))
AGAIN = Expected(2, "We miss you", at(8, "07:00"), at(8, "07:30"))
NEVER = Expected(3, "Goodbye", at(1, "06:30"), at(8, "07:30"), must_arrive=False)


def arrived(*moments: tuple[int, str], subject: str = "We miss you") -> list[Arrived]:
    return [Arrived(10 + n, subject, at(*moment)) for n, moment in enumerate(moments)]


def test_a_mail_answers_the_expectation_of_its_subject() -> None:
    assert match([FIRST, NEVER], arrived((1, "07:10"))) == {10: 1}
    assert match([FIRST, NEVER], arrived((1, "07:10"), subject="Goodbye")) == {10: 3}
    assert match([FIRST, NEVER], arrived((1, "07:10"), subject="Hello")) == {10: None}


@pytest.mark.parametrize(
    ("moments", "answers"),
    [
        ([(1, "07:10"), (8, "07:10")], [1, 2]),
        ([(1, "07:10"), (1, "07:11")], [1, 1]),  # doubled, and not the second one come early
        ([(8, "07:10")], [2]),  # the first is missing
        ([(2, "07:10")], [1]),  # the first is late
        ([(2, "07:10"), (8, "07:10")], [1, 2]),
        ([(8, "07:10"), (8, "07:11")], [2, 1]),  # the late one and the new one together
        ([(1, "06:00")], [1]),  # early
        ([(1, "06:00"), (1, "06:01")], [1, 1]),
    ],
)
def test_mails_of_one_subject_are_told_apart_by_their_windows(
    moments: list[tuple[int, str]], answers: list[int]
) -> None:
    mails = arrived(*moments)
    assert list(match([FIRST, AGAIN], mails).values()) == answers
    for order in itertools.permutations(mails):
        assert match([AGAIN, FIRST], order) == match([FIRST, AGAIN], mails)


@pytest.mark.parametrize(
    ("received", "word"),
    [
        (at(1, "07:00") - timedelta(microseconds=1), "early"),
        (at(1, "07:00"), "on_time"),
        (at(1, "07:30"), "on_time"),
        (at(1, "07:30") + timedelta(microseconds=1), "late"),
    ],
)
def test_a_window_holds_both_its_ends(received: object, word: str) -> None:
    assert verdict(FIRST, [received], final=True) == word  # type: ignore[list-item]


def test_what_has_not_come_is_pending_and_then_missing() -> None:
    assert (verdict(FIRST, [], final=False), verdict(FIRST, [], final=True)) == ("pending", "missing")


def test_what_must_not_come_is_pending_and_then_absent() -> None:
    assert (verdict(NEVER, [], final=False), verdict(NEVER, [], final=True)) == ("pending", "absent")
    assert verdict(NEVER, [at(2, "07:00")], final=False) == "unexpected"


def test_two_copies_are_a_duplicate_whenever_they_came() -> None:
    assert verdict(FIRST, [at(1, "07:10"), at(5, "07:10")], final=True) == "duplicate"


@pytest.mark.parametrize(
    ("pattern", "subject", "does"),
    [
        ("We miss you", "we  miss YOU ", True),
        ("We miss you", "We miss you, Anna", False),
        ("We miss you*", "We miss you, Anna", True),
        ("* miss *", "They miss you", True),
        ("[Offer] 5.00?", "[Offer] 5.00?", True),
        ("[Offer] 5.00?", "O 5x00", False),
        ("Schöne Grüße", "SCHÖNE GRÜSSE", True),
    ],
)
def test_subjects_fit_in_any_case_and_spacing(pattern: str, subject: str, does: bool) -> None:
    assert fits(pattern, subject) is does
