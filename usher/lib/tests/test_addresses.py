from __future__ import annotations

import pytest

from usher.lib import addresses


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "a@b.co",
        "first.last+tag@sub.example.co.uk",
        "o'neil@example.com",
        "x@xn--mnchen-3ya.de",
        f"{'a' * 64}@example.com",
    ],
)
def test_it_takes_addresses_that_people_have(address: str) -> None:
    assert addresses.problem(address) is None


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "the address is empty"),
        ("   ", "the address is empty"),
        ("alice", "an address has one @"),
        ("a@b@example.com", "an address has one @"),
        ("alice@localhost", "not of the form name@example.com"),
        ("alice@example.123", "not of the form name@example.com"),
        ("alice@-example.com", "not of the form name@example.com"),
        ("alice@example..com", "not of the form name@example.com"),
        (".alice@example.com", "not of the form name@example.com"),
        ("al ice@example.com", "not of the form name@example.com"),
        ("alice@example.com\n", "not of the form name@example.com"),
        ("alice@example.com\r\nBcc: eve@example.com", "an address has one @"),
        ("<alice@example.com>", "not of the form name@example.com"),
        ("josé@example.com", "letters outside ASCII (write the domain in its xn-- form)"),
        ("a@münchen.de", "letters outside ASCII (write the domain in its xn-- form)"),
        (f"{'a' * 65}@example.com", "more than 254 characters, or more than 64 before the @"),
        (f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}.com", None),
        (f"a@{'b' * 64}.com", "not of the form name@example.com"),
    ],
)
def test_it_says_what_is_wrong_with_an_address(address: str, problem: str | None) -> None:
    expected = problem or "more than 254 characters, or more than 64 before the @"
    assert addresses.problem(address) == expected


def test_a_hostile_address_is_judged_quickly() -> None:
    assert addresses.problem("a" * 200_000 + "@" + "b-" * 100_000) is not None


def test_the_same_person_has_one_key() -> None:
    assert addresses.key(" Alice@Example.COM ") == "alice@example.com"
