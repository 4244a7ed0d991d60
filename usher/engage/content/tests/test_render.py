"""A campaign becomes a mail for one person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usher.engage.content import liquid, tokens
from usher.engage.content.check import problems
from usher.engage.content.fields import Fields, Person
from usher.engage.content.render import Content, Template, finish
from usher.engage.content.transactional import transactional
from usher.engage.models import Account, Campaign

NOW = datetime(1998, 3, 1, 7, tzinfo=UTC)
FIELDS = Fields(
    {"FIRSTNAME": "String", "ORDERS": "Numeric", "LAST_ORDER": "Date", "VIP": "Boolean"},
    {"FIRSTNAME": "music lover"},
)
ALICE = Person(
    7,
    "alice@example.com",
    {"FIRSTNAME": "Alice <3", "ORDERS": 4.0, "LAST_ORDER": "1997-08-01T00:00:00Z", "VIP": True},
)
NOBODY = Person(8, "nobody@example.com", {})


def template(html: str = "", text: str = "", subject: str = "Hello") -> Template:
    account = Account(name="Music shop")
    return Template(Campaign(account=account, name="C", subject=subject, html=html, text=text), FIELDS)


def html_of(source: str, person: Person = ALICE) -> str:
    return "".join(template(source).draft(person, NOW).html)


def test_it_escapes_values_in_html_and_not_in_text() -> None:
    draft = template("<p>@FIRSTNAME@</p>", "Hi @FIRSTNAME@", "For @FIRSTNAME@").draft(ALICE, NOW)
    assert "".join(draft.html) == "<p>Alice &lt;3</p>"
    assert "".join(draft.text) == "Hi Alice <3"
    assert draft.subject == "For Alice <3"


def test_it_prints_numbers_dates_and_booleans_as_people_read_them() -> None:
    assert html_of("@ORDERS@ @LAST_ORDER@ @vip@ @EMAIL@") == "4 1997-08-01 yes alice@example.com"


def test_it_falls_back_to_the_fields_default_and_then_to_nothing() -> None:
    assert html_of("[@FIRSTNAME@] [@ORDERS@]", NOBODY) == "[music lover] []"


def test_it_leaves_unknown_words_between_at_signs_empty_and_addresses_alone() -> None:
    assert html_of("[@NOPE@] mail@example.com") == "[] mail@example.com"


def test_liquid_reads_fields_in_any_case_and_formats_dates() -> None:
    source = (
        '{{ contact.data.firstname }}|{{ contact.data.LAST_ORDER | date: "%d %B %Y" }}|{{ contact.email }}'
    )
    assert html_of(source) == "Alice &lt;3|01 August 1997|alice@example.com"


def test_today_is_the_moment_of_the_mail() -> None:
    assert html_of('{{ "now" | date: "%Y-%m-%d" }}') == "1998-03-01"


def test_conditions_see_typed_values() -> None:
    assert html_of("{% if contact.data.orders > 3 and contact.data.vip %}thanks{% endif %}") == "thanks"


def test_it_exchanges_links_unsubscribe_and_pixel() -> None:
    draft = template(
        '<body><a class="b" href="https://shop.example/a?x=1&amp;y=2">A</a> <a href=\'http://$UNSUB$\'>No</a></body>',
        "See https://shop.example/b. Leave: http://$UNSUB$",
    ).draft(ALICE, NOW)
    assert draft.targets() == {"https://shop.example/a?x=1&y=2", "https://shop.example/b"}
    done = finish(draft, 5, {"https://shop.example/a?x=1&y=2": 11, "https://shop.example/b": 12})
    click = tokens.signed("click", 5, 11)
    leave = f"http://localhost:8000/t/u/{tokens.signed('unsubscribe', 5)}"
    assert f'<a class="b" href="http://localhost:8000/t/c/{click}">A</a>' in done.html
    assert f"<a href='{leave}'>No</a><img" in done.html
    assert done.html.endswith("</body>")
    assert f"/t/o/{tokens.signed('open', 5)}.gif" in done.html
    assert done.text == (f"See http://localhost:8000/t/c/{tokens.signed('click', 5, 12)}. Leave: {leave}")


def test_a_personalised_link_is_its_own_target() -> None:
    draft = template('<a href="https://shop.example/?for=@EMAIL@">A</a>').draft(ALICE, NOW)
    assert draft.targets() == {"https://shop.example/?for=alice@example.com"}


def test_a_line_break_in_a_value_never_reaches_the_subject() -> None:
    eve = Person(9, "eve@example.com", {"FIRSTNAME": "Eve\r\nBcc: all@example.com"})
    assert template(subject="Hi @FIRSTNAME@").draft(eve, NOW).subject == "Hi Eve Bcc: all@example.com"


@pytest.mark.parametrize(
    "source",
    ["{{ x | safe }}", "{% include 'x' %}", "{% render 'x' %}", "{% if %}", "{{ a", "{% nosuch %}"],
)
def test_it_refuses_what_is_not_for_mails(source: str) -> None:
    with pytest.raises(liquid.TemplateError):
        template(source)


def test_a_template_that_runs_away_is_stopped_for_this_person() -> None:
    endless = "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}"
    with pytest.raises(liquid.TemplateError):
        template(endless).draft(ALICE, NOW)


def test_a_template_cannot_walk_into_python() -> None:
    assert html_of("[{{ contact.__class__ }}{{ contact.data.fields }}{{ contact.data.person }}]") == "[]"


def test_problems_name_part_line_and_what_was_meant() -> None:
    html = 'Hi\n@FRSTNAME@ {{ contact.data.last_ordr }}\n<a href="http://$UNSUB$">no</a>'
    assert problems("", html, "text\n{% if x %}", FIELDS) == [
        "subject: is empty",
        "html, line 2: there is no data field @FRSTNAME@; did you mean @FIRSTNAME@?",
        "html, line 2: there is no data field contact.data.last_ordr; did you mean contact.data.last_order?",
        "text, expected tag endif, found end of expression",
        "text: has no unsubscribe link; write http://$UNSUB$ where the unsubscribe link goes",
    ]


def test_good_content_has_no_problems() -> None:
    html = '<p>@FIRSTNAME@</p><a href="http://$UNSUB$">leave</a>'
    assert problems("Hi @FIRSTNAME@", html, "leave: http://$UNSUB$", FIELDS) == []


def test_finish_gives_a_mail_without_links_its_pixel() -> None:
    done = finish(template("plain", "plain").draft(ALICE, NOW), 1, {})
    assert isinstance(done, Content)
    assert done.html.startswith("plain<img ")


def test_the_link_to_the_preference_centre_is_the_readers_own_and_not_counted() -> None:
    html = '<a href="http://$PREFERENCES$">choose</a> <a href="http://$UNSUB$">leave</a> @FIRSTNAME@'
    draft = template(html, "Choose: $preferences$\nLeave: http://$UNSUB$").draft(NOBODY, NOW)
    assert draft.targets() == set()
    content = finish(draft, 42, {})
    choose = f"/t/p/{tokens.signed('preferences', 42)}"
    leave = f"/t/u/{tokens.signed('unsubscribe', 42)}"
    assert content.html.index(f'{choose}">choose') < content.html.index(f'{leave}">leave')
    assert content.text.splitlines()[0].endswith(choose)
    assert "$" not in content.html + content.text


def test_a_letter_has_neither_way_out() -> None:
    account = Account(name="Music shop")
    html = '<p>Thanks <a href="http://$PREFERENCES$">choose</a><a href="http://$UNSUB$">leave</a></p>'
    campaign = Campaign(account=account, name="C", html=html, text="Thanks\n$PREFERENCES$\n$UNSUB$")
    stripped = transactional(campaign)
    assert (stripped.html, stripped.text) == ("<p>Thanks </p>", "Thanks")
