from __future__ import annotations

import pytest

from usher.engage.content.check import CLIPPED, remarks

TEXT = "All that is new this week, in some more words: https://shop.example"


@pytest.mark.parametrize(
    ("subject", "html", "text", "said"),
    [
        ("x" * 79, "<p>x</p>", TEXT, "subject: 79 characters"),
        ("News", "<p>" + "é" * (CLIPPED // 2) + "</p>", TEXT, "some mail programs cut at 102 KB"),
        ("News", '<img src="a.png"><IMG alt="" src="b.png">', TEXT, "until they are loaded: 1"),
        ("News", '<a href="www.shop.example">x</a>', TEXT, 'the link to "www.shop.example" leads nowhere'),
        ("News", '<a class="b" href="">x</a>', TEXT, 'the link to "" leads nowhere'),
        ("News", "<p>x</p>", "See the HTML", "text: is very short"),
    ],
)
def test_what_is_mostly_not_meant_is_said(subject: str, html: str, text: str, said: str) -> None:
    (found,) = remarks(subject, html, text)
    assert said in found


@pytest.mark.parametrize(
    "target",
    [
        "https://shop.example",
        "mailto:a@shop.example",
        "tel:+44",
        "#top",
        "http://$UNSUB$",
        "$UNSUB$",
        "{{ contact.data.link }}",
        "@LINK@",
    ],
)
def test_links_that_lead_somewhere_are_let_be(target: str) -> None:
    assert remarks("News", f'<a href="{target}">x</a>', TEXT) == []
