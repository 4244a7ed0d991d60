from __future__ import annotations

from datetime import timedelta

import pytest

from usher.audiences import tagging
from usher.audiences.errors import AudienceError, NotEvaluatedError
from usher.audiences.evaluate import evaluate
from usher.audiences.frozen import freeze
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import NOW, Define, members

pytestmark = pytest.mark.django_db
MONTHS = timedelta(days=40)


def test_a_frozen_list_keeps_the_members_for_good(buyers: Audience, define: Define) -> None:
    with pytest.raises(NotEvaluatedError):
        freeze(buyers, "January", by="bob", at=NOW)
    evaluate(NOW)
    made = freeze(buyers, "January", by="bob", at=NOW, folder=" Old/ lists ")
    assert (made.kind, made.frozen_from, made.frozen_at) == ("frozen_list", "customer list “buyers”", NOW)
    assert made.folder == "Old/lists"
    define("customer_lists", "since", rule='count(orders) > 0 and not audience("January")')
    evaluate(NOW + MONTHS)
    assert (members("buyers"), members("January"), members("since")) == (["1", "2", "3"], ["1", "2"], ["3"])
    with pytest.raises(AudienceError, match="frozen list “January” is frozen: its members stay as they are"):
        tagging.tag(made, ["3"], by="bob", at=NOW, cause="user")


def test_members_of_a_past_evaluation_are_frozen(buyers: Audience) -> None:
    evaluate(NOW)
    evaluate(NOW + MONTHS)
    before = freeze(buyers, "then", by="bob", at=NOW + MONTHS, as_of=NOW + MONTHS / 2)
    assert (tagging.current(before), before.frozen_at) == (["1", "2"], NOW)
    assert tagging.current(freeze(buyers, "now", by="bob", at=NOW + MONTHS)) == ["1", "2", "3"]
    with pytest.raises(NotEvaluatedError, match="nothing that is still known was evaluated as of 1997-12-31"):
        freeze(buyers, "never", by="bob", at=NOW, as_of=NOW - timedelta(days=1))


def test_a_name_that_is_taken_freezes_nothing(buyers: Audience) -> None:
    evaluate(NOW)
    with pytest.raises(AudienceError, match="the name is taken by customer list “buyers”"):
        freeze(buyers, "BUYERS", by="bob", at=NOW)
    assert not Audience.objects.filter(kind="frozen_list").exists()
