"""Programs and campaigns come from YAML, and the music shop's own do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from usher.engage import definitions as engine
from usher.engage.accounts import create_account
from usher.engage.campaigns import definitions as campaigns
from usher.engage.content.fields import Fields, Person
from usher.engage.content.render import Template
from usher.engage.models import Account, Campaign, Contact, Program
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs import definitions as programs
from usher.engage.programs.enrol import pause
from usher.engage.programs.graph import parse
from usher.engage.programs.outline import steps_of
from usher.engage.programs.runner import tick
from usher.engage.programs.tests.conftest import WIN_BACK
from usher.lib.changes import Change, DefinitionError

pytestmark = pytest.mark.django_db
NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
SHOP = Path(__file__).parents[4] / "examples" / "musicshop" / "definitions"


@pytest.fixture(autouse=True)
def account() -> Account:
    return create_account("Music shop", NOW)


def apply_section(room: Any, section: str, bodies: dict[str, Any], now: datetime = NOW) -> list[Change]:
    model = room.SECTIONS[section]
    return [
        room.apply(section, name, model.model_validate(body), base_dir=SHOP, by="test", now=now)
        for name, body in bodies.items()
    ]


def shop(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SHOP / file).read_text("utf-8"))
    return found


def apply_shop() -> list[Change]:
    mails = shop("campaigns.yaml")
    return [
        *apply_section(engine, "data_fields", mails["data_fields"]),
        *apply_section(campaigns, "campaigns", mails["campaigns"]),
        *apply_section(programs, "programs", shop("programs.yaml")["programs"]),
    ]


def with_steps(steps: list[Any], **more: Any) -> dict[str, Any]:
    return {"Win back": shop("programs.yaml")["programs"]["Win back"] | {"steps": steps} | more}


def graph_of(program: str) -> dict[str, Any]:
    version = Program.objects.get(name=program).versions.order_by("-number").first()
    assert version
    return version.graph


def test_the_music_shop_is_applied_once() -> None:
    assert [change.action for change in apply_shop()] == ["created"] * 6
    assert [change.action for change in apply_shop()] == ["unchanged"] * 6
    assert Program.objects.get().status == ProgramStatus.ACTIVE
    assert graph_of("Win back")["nodes"] == {
        "1-send": {"kind": "send", "campaign": "We miss you", "next": "2-wait"},
        "2-wait": {"kind": "wait", "minutes": 10080, "next": "3-if"},
        "3-if": {
            "kind": "decision",
            "rule": 'exists(clicks where campaign = "We miss you")',
            "yes": "3-yes-1-end",
            "no": "3-no-1-send",
        },
        "3-yes-1-end": {"kind": "end", "name": "came back"},
        "3-no-1-send": {"kind": "send", "campaign": "Your favourites are waiting", "next": "3-no-2-wait"},
        "3-no-2-wait": {"kind": "wait", "minutes": 20160, "next": "3-no-3-end"},
        "3-no-3-end": {"kind": "end", "name": "no answer"},
    }


def test_what_is_exported_can_be_applied_again_and_changes_nothing() -> None:
    apply_shop()
    for room, section in (
        (engine, "data_fields"),
        (campaigns, "campaigns"),
        (programs, "programs"),
    ):
        text = yaml.safe_dump(room.export(section), allow_unicode=True, sort_keys=False)
        changes = apply_section(room, section, yaml.safe_load(text))
        assert {change.action for change in changes} == {"unchanged"}


def test_the_shops_mails_read_well_for_everybody(account: Account) -> None:
    apply_shop()
    fields = Fields.of(account)
    loyal = Person(1, "alice@example.com", {"ORDERS": 7, "LAST_ORDER": "1997-06-28"})
    seed = Person(2, "sam@example.com", {})
    texts = {}
    for campaign in Campaign.objects.select_related("account"):
        template = Template(campaign, fields)
        for person in (loyal, seed):
            draft = template.draft(person, NOW)
            texts[campaign.name, person.contact_id] = "".join(draft.text)
            whole = draft.subject + "".join(draft.html) + "".join(draft.text)
            assert "{{" not in whole
            assert "{%" not in whole
    assert (
        "You have ordered from us 7 times, and the last parcel left here on 28 June 1997."
        in texts["We miss you", 1]
    )
    assert "You have ordered from us once.\n" in texts["We miss you", 2]
    assert "After 7 orders we think we know your ear." in texts["Your favourites are waiting", 1]


def test_changed_steps_make_a_new_version_and_those_inside_keep_theirs(account: Account) -> None:
    apply_shop()
    Contact.objects.create(
        account=account,
        email="alice@example.com",
        email_key="alice@example.com",
        data={"TAG_LAPSED_BUYER": True},
        status_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    tick(NOW.replace(hour=7))
    changes = apply_section(programs, "programs", with_steps([{"send": "We miss you"}, {"end": "done"}]))
    assert [str(change) for change in changes] == ["updated program “Win back” (steps)"]
    program = Program.objects.get()
    assert list(program.versions.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert program.enrolments.get().version.number == 1


def test_a_paused_program_is_not_woken_by_its_definition() -> None:
    apply_shop()
    pause(Program.objects.get())
    assert [change.action for change in apply_shop()][-1] == "unchanged"
    assert Program.objects.get().status == ProgramStatus.DEACTIVATED


def test_yes_and_no_may_be_written_without_quotes() -> None:
    apply_shop()
    steps = yaml.safe_load("[{if: 'STATUS = \"Subscribed\"', yes: [{end: a}], no: [{end: b}]}]")
    assert True in steps[0]
    apply_section(programs, "programs", with_steps(steps))
    assert graph_of("Win back")["nodes"]["1-if"]["yes"] == "1-yes-1-end"


def test_a_branch_without_an_end_goes_on_behind_its_if() -> None:
    apply_shop()
    steps = [
        {"if": "ORDERS > 3", "yes": [{"wait": "2 days"}], "no": []},
        {"send": "We miss you"},
        {"wait": "12 hours"},
    ]
    apply_section(programs, "programs", with_steps(steps))
    nodes = graph_of("Win back")["nodes"]
    assert (nodes["1-if"]["yes"], nodes["1-if"]["no"]) == ("1-yes-1-wait", "2-send")
    assert nodes["1-yes-1-wait"]["next"] == "2-send"
    assert nodes["3-wait"] == {"kind": "wait", "minutes": 720, "next": "4-end"}
    assert nodes["4-end"] == {"kind": "end", "name": "finished"}
    assert steps_of(parse(graph_of("Win back"))) == [*steps, {"end": "finished"}]


@pytest.mark.parametrize(
    ("steps", "more", "problem"),
    [
        (
            [{"send": "We mis you"}],
            {},
            "1-send: there is no campaign “We mis you”; did you mean “We miss you”?",
        ),
        ([{"end": "a"}, {"send": "We miss you"}], {}, "2-send: no way leads there"),
        ([{"end": "bounced"}], {}, "is kept for people who left in that way by themselves"),
        ([{"end": "a"}], {"exits": {"gone": "TAG_LAPSED_BYER = true"}}, "exit “gone”: There is no column in"),
        ([{"end": "a"}], {"exits": {"gone": "TAG_LAPSED_BYER = true"}}, "Did you mean TAG_LAPSED_BUYER?"),
        ([{"if": "ORDERS >", "yes": [], "no": []}], {}, "1-if: Expected"),
    ],
)
def test_a_wrong_program_says_what_to_mend(steps: list[Any], more: dict[str, Any], problem: str) -> None:
    apply_shop()
    with pytest.raises(DefinitionError) as raised:
        apply_section(programs, "programs", with_steps(steps, **more))
    assert problem in str(raised.value)
    assert Program.objects.get().versions.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"steps": []},
        {"steps": [{"wait": "a while"}]},
        {"steps": [{"send": "A", "wait": "1 day"}]},
        {"steps": [{"end": "a", "yes": [{"end": "b"}]}]},
        {"steps": [{"end": "a"}], "start": {"rule": "ORDERS > 1"}},
        {"steps": [{"end": "a"}], "start": {"rule": "ORDERS > 1", "every_day_at": "25:00"}},
        {"steps": [{"end": "a"}], "start": {"limit": "twice"}},
        {"steps": [{"end": "a"}], "colour": "red"},
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        programs.ProgramBody.model_validate(body)


def test_a_campaign_without_a_way_out_is_refused() -> None:
    with pytest.raises(DefinitionError, match="has no unsubscribe link"):
        apply_section(campaigns, "campaigns", {"X": {"subject": "S", "html": "hello", "text": "hello"}})
    assert not Campaign.objects.exists()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"html_file: mails/none\.html cannot be read"):
        apply_section(
            campaigns, "campaigns", {"X": {"subject": "S", "html_file": "mails/none.html", "text": "x"}}
        )


def test_a_data_field_keeps_its_type() -> None:
    apply_section(engine, "data_fields", {"ORDERS": "numeric"})
    with pytest.raises(DefinitionError, match="it is Numeric already"):
        apply_section(engine, "data_fields", {"ORDERS": "text"})


def test_the_example_is_the_story_that_the_runner_tells() -> None:
    apply_shop()
    told = parse(WIN_BACK)
    assert steps_of(told) == steps_of(parse(graph_of("Win back")))
