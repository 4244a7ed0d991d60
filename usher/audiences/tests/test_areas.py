from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usher import rules
from usher.audiences import areas
from usher.audiences.areas import Area, Areas, Part
from usher.audiences.errors import AudienceError
from usher.rules import Node, nodes
from usher.rules.tests.rules import rules as any_rules

#: As `rules.format` spells them; the last three stand in brackets where they are parts of something.
CONDITIONS = [
    'country = "GB"',
    "email is not set",
    'tag("STAFF")',
    'country in ["FR", "DE"]',
    "exists(orders where value > 10 and ordered_on within 30 days)",
    "opted_in",
    "not opted_in",
    'country = "GB" or email is set',
    'country = "GB" and email is set',
    "email is set top 100 by count(orders)",
    "id > 5 among email is set",
]
PARTS = st.builds(Part, rule=st.sampled_from(CONDITIONS), negated=st.booleans()) | st.builds(
    Part, segment=st.sampled_from(["Has e-mail", 'Say "ho"', "A or B"]), negated=st.booleans()
)
AREAS = st.builds(Area, st.lists(PARTS, min_size=1, max_size=4).map(tuple), st.booleans())
LISTS = st.builds(
    Areas, st.lists(AREAS, min_size=1, max_size=4).map(tuple), st.lists(PARTS, max_size=3).map(tuple)
)


def is_normal(found: Areas) -> bool:
    """Written apart from the code: what the words of `areas.read` promise."""
    parts = [*found.pre, *(part for area in found.areas if not area.negated for part in area.parts)]
    nodes_of = {part: rules.parse(part.rule) for part in parts if part.rule}
    return (
        not any(isinstance(node, nodes.And) and not part.negated for part, node in nodes_of.items())
        and not any(isinstance(node, nodes.Not) and not part.negated for part, node in nodes_of.items())
        and not any(area.negated and len(area.parts) < 2 for area in found.areas)
        and not any(
            len(area.parts) == 1 and not area.parts[0].negated and isinstance(node, nodes.Or)
            for area in found.areas
            for node in [nodes_of.get(area.parts[0])]
        )
    )


@given(LISTS)
@settings(max_examples=300)
def test_areas_are_stored_as_one_rule_and_opened_again_without_loss(written: Areas) -> None:
    found = areas.normal(written)
    assert is_normal(found)
    assert areas.opened(areas.rule_of(found)) == found


@given(LISTS)
@settings(max_examples=200)
def test_what_is_in_normal_form_stays_as_it_was_written(written: Areas) -> None:
    found = areas.normal(written)
    assert areas.read(areas.write(found)) == found


@given(any_rules())
@settings(max_examples=300, deadline=None)
def test_any_rule_can_be_opened_and_means_the_same_when_it_is_closed(rule: Node) -> None:
    node = rules.parse(rules.format(rule))
    closed = areas.write(areas.read(node))
    assert closed == node
    assert rules.format(rules.parse(rules.format(closed))) == rules.format(node)


def test_a_rule_is_seen_as_a_person_would_draw_it() -> None:
    rule = (
        'segment("Opera") and not tag("STAFF") or not (country = "FR" and id > 3) or not email is set'
        ' among email is set and not segment("Bounced")'
    )
    assert areas.opened(rule) == Areas(
        areas=(
            Area((Part(segment="Opera"), Part(rule='tag("STAFF")', negated=True))),
            Area((Part(rule='country = "FR"'), Part(rule="id > 3")), negated=True),
            Area((Part(rule="email is set", negated=True),)),
        ),
        pre=(Part(rule="email is set"), Part(segment="Bounced", negated=True)),
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (Areas(()), "a customer list has at least one area"),
        (Areas((Area((Part(rule="id > 0"),)), Area(()))), "area 2 has no condition"),
        (Areas((Area((Part(),)),)), "area 1: a part is a condition or a segment"),
        (Areas((Area((Part(rule="id >"),)),)), "area 1: "),
        (Areas((Area((Part(rule="id > 0"),)),), (Part(rule="id >"),)), "the pre filter: "),
    ],
)
def test_what_cannot_be_stored_is_named(written: Areas, message: str) -> None:
    with pytest.raises(AudienceError) as caught:
        areas.write(written)
    assert str(caught.value).startswith(message)
