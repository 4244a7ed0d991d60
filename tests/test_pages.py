"""A browser walks every page of the rail: nothing is logged as wrong, and axe finds no barrier."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, sync_playwright

from usher.audiences import tagging
from usher.audiences.models import Audience
from usher.engage.imports.run import run
from usher.engage.models import Campaign, Contact, ContactList, Import, Message, Program
from usher.engage.segments.refresh import refresh
from usher.lib import clock
from usher.seeds.models import Incident
from usher.sources.check import check
from usher.syncs.models import Run
from usher.web.tests import scene

# Playwright's synchronous API keeps an event loop on this thread; Django would refuse its database there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = Path(__file__).parent / "axe" / "axe.min.js"
RAIL = [
    "/", "/audiences", "/syncs", "/programs", "/campaigns", "/contacts", "/seeds",
    "/sources", "/destinations", "/apiusers", "/events", "/settings", "/settings/password",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: install the package chromium, or run scripts/chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def shop(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.USHER_DATA_DIR = tmp_path
    clock.virtual = tmp_path / "clock"
    clock.move(clock.virtual, scene.NOW)
    User.objects.create_user("alice", password="correct horse battery")
    scene.whole(tmp_path)
    yield
    clock.virtual = None


@pytest.fixture
def browse(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens a page that is logged in and notes what the browser complains of in `page.wrong`."""
    contexts = []

    def opened(**options: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.wrong = []  # type: ignore[attr-defined]
        page.on("console", lambda said: said.type in ("error", "warning") and page.wrong.append(said.text))  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.wrong.append(str(error)))  # type: ignore[attr-defined]
        page.on("requestfailed", lambda asked: page.wrong.append(f"{asked.url}: {asked.failure}"))  # type: ignore[attr-defined]
        page.goto("/login")
        page.get_by_label("Username").fill("alice")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        return page

    yield opened
    for context in contexts:
        context.close()


def addresses() -> list[str]:
    """The rail, and one page of each kind behind it."""
    held, done = Run.objects.order_by("-pk")[:2]
    program = Program.objects.get().pk
    favourites = Campaign.objects.get(name="Your favourites are waiting").pk
    lapsed, staff = (Audience.objects.get(name=name).pk for name in ("LAPSED_BUYER", "STAFF"))
    return [
        *RAIL,
        f"/audiences/{lapsed}",
        f"/audiences/{lapsed}/why?key=1",
        f"/audiences/{lapsed}/turns?from=1997-01-01",
        f"/audiences/{lapsed}/freeze",
        f"/audiences/{lapsed}/delete",
        f"/audiences/{lapsed}/edit",
        f"/audiences/{Audience.objects.get(name='mailable').pk}/edit",
        f"/audiences/{staff}/people",
        "/audiences/new",
        "/audiences/new/customer_list",
        "/audiences/new/computed_field",
        "/audiences/tags",
        "/audiences/fields",
        "/audiences/customers",
        "/audiences/customers/1",
        "/rules/functions",
        f"/syncs/{held.sync_id}",
        f"/syncs/{held.sync_id}/runs/{held.pk}",
        f"/syncs/{done.sync_id}/runs/{done.pk}",
        f"/programs/{program}",
        f"/programs/{program}/people?at=wait-7",
        f"/programs/{program}/pause",
        *(
            f"/campaigns/{favourites}{page}"
            for page in ("", "/edit", "/send", "/course", "/people", "/delete")
        ),
        "/campaigns/new",
        "/campaigns/letters",
        "/campaigns/texts",
        f"/contacts/{Contact.objects.get(email_key='customer4@example.com').pk}",
        f"/contacts/{Contact.objects.get(email_key='customer4@example.com').pk}/edit",
        f"/contacts/{Contact.objects.get(email_key='customer4@example.com').pk}/erase",
        "/contacts?rule=email+is+set",
        "/contacts/forms",
        "/contacts/forms/new",
        "/contacts/preferences",
        "/contacts/imports",
        "/contacts/segments",
        "/contacts/lists",
        "/contacts/lists/new",
        f"/contacts/lists/{ContactList.objects.get().pk}",
        "/contacts/segments/new",
        "/contacts/imports/new",
        "/contacts/fields",
        "/contacts/suppressed",
        "/apiusers/new",
        "/apiusers/calls",
        f"/seeds/incidents/{Incident.objects.get().pk}",
    ]


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical, in words; axe has to be in the page."""
    found = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]} {node['any'] and node['any'][0]['message']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


WIDE = {"viewport": {"width": 1280, "height": 860}}
NARROW = {"viewport": {"width": 360, "height": 740}}


@pytest.mark.parametrize(
    ("options", "schemes"), [(WIDE, ["light", "dark"]), (NARROW, ["light"])], ids=["wide", "narrow"]
)
def test_it_walks_every_page(
    shop: None,
    browse: Callable[..., Page],
    options: dict[str, Any],
    schemes: list[Literal["light", "dark"]],
) -> None:
    page = browse(**options)
    axe = AXE.read_text("utf-8")
    for number, address in enumerate(addresses()):
        page.goto(address)
        page.evaluate(axe)
        # loaded in the one it was left in, and looked at in both
        for scheme in schemes[::-1] if number % 2 else schemes:
            page.emulate_media(color_scheme=scheme)
            assert barriers(page) == [], f"{address}, {scheme}"
        assert complaints(page) == [], address
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{address} is {overflow} pixels too wide"


def test_it_shows_a_mail_where_it_can_do_nothing(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto(f"/campaigns/{Campaign.objects.get(name='We miss you').pk}?for=customer1@example.com")
    page.wait_for_load_state("networkidle")
    assert page.frame_locator("iframe").get_by_role("heading").inner_text() == "Hello Customer1@example.com"
    assert page.title() == "We miss you · Usher"
    blocked = " ".join(page.wrong)  # type: ignore[attr-defined]
    assert "Blocked script execution" in blocked
    assert "elsewhere.example.com/x.png: csp" in blocked


def test_a_campaign_is_written_with_its_mail_beside_it_and_sent(
    shop: None, browse: Callable[..., Page]
) -> None:
    page = browse(**WIDE)
    page.goto("/campaigns/new")
    page.get_by_label("Name", exact=True).fill("Spring")
    page.get_by_label("Subject", exact=True).fill("Hello @EMIAL@")
    page.get_by_text("did you mean @EMAIL@?").wait_for()
    page.get_by_label("As seen by").fill("customer7@example.com")
    page.get_by_label("Subject", exact=True).fill("Hello @EMAIL@")
    page.get_by_text("Hello Customer7@example.com").wait_for()
    page.get_by_label("HTML").fill('<h1>Dear @EMAIL@</h1><a href="http://$UNSUB$">out</a>')
    heading = page.frame_locator("iframe").get_by_role("heading", name="Dear Customer7@example.com")
    heading.wait_for()
    page.get_by_role("button", name="Make the campaign").click()
    page.get_by_text("“Spring” is saved.").wait_for()
    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_label("Usher sync").check()
    page.locator("#reach .big").get_by_text("59", exact=True).wait_for()
    page.get_by_role("button", name="Look at it once more").click()
    page.get_by_role("button", name="Mail 59 people").click()
    page.get_by_text("It is about to start").wait_for()
    page.get_by_role("button", name="Do not send it").click()
    page.get_by_text("It will not be sent.").wait_for()
    assert not Message.objects.filter(campaign__name="Spring").exists()
    assert complaints(page) == []


def test_a_password_is_copied_by_a_button(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/apiusers/new")
    page.get_by_label("User name").fill("crm")
    page.locator("form .btn.main").click()
    page.get_by_role("button", name="Copy", exact=True).nth(1).click()
    page.get_by_role("button", name="Copied", exact=True).wait_for()
    assert page.get_by_role("button", name="Copy", exact=True).count() == 2
    assert complaints(page) == []


def test_a_campaign_is_looked_at_and_sent_without_script(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**NARROW, java_script_enabled=False)
    page.goto("/campaigns/new")
    page.get_by_label("Name", exact=True).fill("Spring")
    page.get_by_label("Subject", exact=True).fill("Hello @EMAIL@")
    page.get_by_role("button", name="Check and look").click()
    page.get_by_text("As Customer1@example.com sees it").wait_for()
    page.get_by_role("button", name="Make the campaign").click()
    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_label("Usher sync").check()
    page.get_by_role("button", name="Look at it once more").click()
    page.get_by_role("link", name="Count").click()
    page.get_by_role("button", name="Mail 59 people").click()
    page.get_by_text("It is being sent.").wait_for()


def test_it_searches_and_explains_without_leaving_the_page(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto(f"/audiences/{Audience.objects.get(name='LAPSED_BUYER').pk}")
    assert page.locator(".chart canvas").count() == 1
    page.get_by_label("Search members").press_sequentially("customer77@")
    page.locator("#members").get_by_text("1 row", exact=True).wait_for()
    assert page.url.endswith("?q=customer77%40")
    page.get_by_role("link", name="why 77").click()
    page.locator("#why").get_by_text("who have ordered at least once").wait_for()
    page.go_back()
    page.get_by_role("heading", name="LAPSED_BUYER").wait_for()
    assert page.wrong == []  # type: ignore[attr-defined]


def test_contacts_are_filtered_by_a_rule_that_is_counted_while_typing(
    shop: None, browse: Callable[..., Page]
) -> None:
    page = browse(**WIDE)
    page.goto("/contacts")
    page.get_by_text("Filter by a rule").click()
    page.get_by_label("Rule", exact=True).fill('EMAIL = "customer7@example.com"')
    page.locator("#count .big").get_by_text("0", exact=True).wait_for()
    page.get_by_label("Rule", exact=True).fill('EMAIL = "Customer7@example.com"')
    page.locator("#count .big").get_by_text("1", exact=True).wait_for()
    page.get_by_role("button", name="Show them").click()
    page.wait_for_url("**rule=EMAIL**")
    assert page.locator("#found tbody tr").count() == 1
    page.get_by_role("button", name="Make a segment of it").click()
    page.get_by_role("heading", name="New segment").wait_for()
    assert page.get_by_label("Rule", exact=True).input_value() == 'EMAIL = "Customer7@example.com"'
    assert complaints(page) == []


def test_it_works_without_script(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**NARROW, java_script_enabled=False)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Contacts").click()
    page.get_by_label("Address").fill("customer7@")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Customer7@example.com").click()
    assert page.get_by_role("heading", name="What happened").is_visible()


def test_it_is_walked_by_keyboard(shop: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/programs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/programs/*")


def complaints(page: Page) -> list[str]:
    """What is wrong; that a count was given up for a newer one is not."""
    return [said for said in page.wrong if "ERR_ABORTED" not in said]  # type: ignore[attr-defined]


def rule_field(page: Page) -> Any:
    return page.get_by_label("Rule", exact=True)


@pytest.fixture
def looked_at(shop: None) -> None:
    check(scene.NOW)


def test_a_slip_is_shown_while_typing_and_mended_by_one_click(
    looked_at: None, browse: Callable[..., Page]
) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/auto_tag")
    rule_field(page).fill("count(ordrs) > 0 and email is set")
    page.get_by_text("There is no related table called ordrs").wait_for()
    assert page.locator(".backdrop mark").count() == 1
    page.get_by_role("button", name="Use orders").click()
    page.get_by_text("Customers who have ordered at least once and whose email is known.").wait_for()
    page.locator("#count .big").get_by_text("120", exact=True).wait_for()
    assert rule_field(page).input_value() == "count(orders) > 0 and email is set"
    assert page.locator(".slips li").count() == 0
    assert complaints(page) == []


def test_a_rule_is_completed_by_keyboard_and_saved(looked_at: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/auto_tag")
    rule_field(page).press_sequentially("cou", delay=30)
    offers = page.get_by_role("listbox")
    offers.get_by_role("option").first.wait_for()
    page.keyboard.press("Tab")
    offers.get_by_role("option", name="orders").first.wait_for()
    page.keyboard.press("Escape")
    assert not offers.is_visible()
    page.keyboard.press("Control+Space")
    offers.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.type(") > 0")
    page.keyboard.press("Escape")
    assert rule_field(page).input_value() == "count(orders) > 0"
    page.locator("#count .big").get_by_text("120", exact=True).wait_for()
    page.get_by_label("Name").fill("EVER")
    page.get_by_label("Name").press("Enter")
    page.get_by_text("“EVER” is saved.").wait_for()
    assert Audience.objects.get(name="EVER").rule == "count(orders) > 0"
    assert complaints(page) == []


def test_areas_are_counted_each_and_become_a_rule_and_areas_again(
    looked_at: None, browse: Callable[..., Page]
) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/customer_list")
    page.get_by_label("Name", exact=True).fill("two kinds")
    page.locator("[name=a-0-0-rule]").fill('tag("LAPSED_BUYER")')
    page.locator("#count-a-0").get_by_text("80").wait_for()
    page.get_by_role("button", name="Add an area (or)").click()
    page.locator("[name=a-1-0-rule]").fill("exists(orders where ordered_on within 180 days)")
    page.locator("#count-a-1").get_by_text("40").wait_for()
    page.locator("#count .big").get_by_text("120", exact=True).wait_for()
    page.get_by_role("button", name="Write it as a rule").click()
    rule = 'tag("LAPSED_BUYER") or exists(orders where ordered_on within 180 days)'
    assert rule_field(page).input_value() == rule
    page.get_by_role("button", name="Show it as areas").click()
    page.locator("[name=a-1-0-not]").check()
    page.get_by_role("button", name="Make the customer list").click()
    page.get_by_text("“two kinds” is saved.").wait_for()
    saved = Audience.objects.get(name="two kinds").rule
    assert saved == 'tag("LAPSED_BUYER") or not exists(orders where ordered_on within 180 days)'
    assert complaints(page) == []


def test_a_number_of_an_earlier_rule_is_said_to_be_one(looked_at: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/auto_tag")
    rule_field(page).fill("count(orders) > 0")
    page.locator("#count .big").get_by_text("120", exact=True).wait_for()
    assert "past" not in str(page.locator("#count").get_attribute("class"))
    rule_field(page).fill('email = "a')
    page.locator(".slips li").first.wait_for()
    page.locator("#count.past").wait_for()
    assert float(page.locator("#count .big").evaluate("one => getComputedStyle(one).opacity")) < 0.5
    page.route("**/rules/preview", lambda asked: asked.fulfill(status=500))
    rule_field(page).fill("count(orders) > 1")
    page.locator("#count").get_by_text("The server does not answer").wait_for()
    assert page.locator("#count .big").count() == 0


def test_nothing_is_offered_after_a_whole_rule(looked_at: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/auto_tag")
    offers = page.get_by_role("listbox")
    rule_field(page).press_sequentially("cou", delay=20)
    offers.get_by_role("option").first.wait_for()
    for rule in ('email = "a@example.com"', "count(orders) > 3", "email is set"):
        rule_field(page).fill("")
        rule_field(page).press_sequentially(rule, delay=5)
        page.locator(".rulefield .say").get_by_text("Customers who").wait_for()
        page.wait_for_timeout(300)
        assert not offers.is_visible(), rule


def test_focus_goes_on_where_areas_change(looked_at: None, browse: Callable[..., Page]) -> None:
    page = browse(**WIDE)
    page.goto("/audiences/new/customer_list")

    def focused(name: str) -> None:
        page.wait_for_function("name => document.activeElement.name === name", arg=name)

    page.get_by_role("button", name="Add an area (or)").press("Enter")
    focused("a-1-0-rule")
    page.locator('[data-place="a-0"]').get_by_role("button", name="Add a condition").press("Enter")
    focused("a-0-1-rule")
    page.locator('[data-place="pre"]').get_by_role("button", name="Add a segment").press("Enter")
    focused("pre-0-segment")
    page.get_by_role("button", name="remove part 1 of the pre filter").press("Enter")
    page.wait_for_function("() => document.activeElement.value === 'add-rule:pre'")
    page.get_by_role("button", name="remove part 2 of area 1").press("Enter")
    focused("a-0-0-rule")
    page.get_by_role("button", name="remove area 2").press("Enter")
    focused("a-0-0-rule")
    page.locator("[name=a-0-0-rule]").fill("email is set")
    page.get_by_role("button", name="Write it as a rule").press("Enter")
    focused("rule")
    page.get_by_role("button", name="Show it as areas").press("Enter")
    focused("a-0-0-rule")


def test_a_file_is_tried_before_a_tag_is_put_on(
    shop: None, browse: Callable[..., Page], tmp_path: Path
) -> None:
    staff = Audience.objects.get(name="STAFF")
    file = tmp_path / "fair.csv"
    file.write_text("email\ncustomer1@example.com\nnobody@example.com\n")
    page = browse(**NARROW)
    page.goto(f"/audiences/{staff.pk}/people")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("heading", name="What fair.csv would do").wait_for()
    assert page.get_by_text("no customer has this address").is_visible()
    assert tagging.current(staff) == []
    page.get_by_role("button", name="Do it").click()
    page.get_by_text("1 put in").wait_for()
    assert tagging.current(staff) == ["1"]


def test_an_import_and_a_segment_are_followed_to_their_end(
    shop: None, browse: Callable[..., Page], tmp_path: Path
) -> None:
    file = tmp_path / "guests.csv"
    file.write_text("Email\nguest@example.com\nno address\n")
    page = browse(**WIDE)
    page.goto("/contacts/imports/new")
    page.get_by_label("CSV or Excel file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("It is being read.").wait_for()
    run(Import.objects.get(file_name="guests.csv").pk, scene.NOW)
    page.get_by_text("Invalid Email").wait_for()
    assert page.locator("#report").count() == 1
    page.goto("/contacts/segments/new")
    page.get_by_label("Rule", exact=True).fill('EMAIL = "guest@example.com"')
    page.get_by_label("Name", exact=True).fill("One guest")
    page.get_by_role("button", name="Make the segment").click()
    page.get_by_text("Its members are being worked out.", exact=True).wait_for()
    refresh(ContactList.objects.get(name="One guest"), scene.NOW)
    page.get_by_role("link", name="guest@example.com").wait_for()
    page.get_by_text("1 contact", exact=True).wait_for()
    assert complaints(page) == []


def test_rules_are_written_without_script(looked_at: None, browse: Callable[..., Page]) -> None:
    page = browse(**NARROW, java_script_enabled=False)
    page.goto("/audiences/new/auto_tag")
    rule_field(page).fill("emial is set")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("Did you mean email?").wait_for()
    page.goto("/audiences/new/customer_list")
    page.get_by_role("button", name="Add an area (or)").click()
    page.locator("[name=a-1-0-rule]").wait_for()
    page.get_by_label("Name", exact=True).fill("reached")
    page.locator("[name=a-1-0-rule]").fill("email is set")
    page.get_by_role("button", name="Make the customer list").click()
    page.get_by_text("“reached” is saved.").wait_for()
    assert Audience.objects.get(name="reached").rule == "email is set"
