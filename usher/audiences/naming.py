"""What audiences may be called, and where they stand."""

from __future__ import annotations

from django.db.models import Q

from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, TagGroup
from usher.audiences.rulebook import dependents, titled

LONGEST_NAME = 60
Kind = Audience.Kind
#: Kinds that share their names, because rules ask for them with one word.
NAMED_ALIKE = (
    frozenset({Kind.TAG, Kind.AUTO_TAG}),
    frozenset({Kind.SEGMENT}),
    frozenset({Kind.CUSTOMER_LIST, Kind.STATIC_LIST, Kind.FROZEN_LIST, Kind.EXTERNAL}),
)


def name_problem(name: str) -> str:
    """Why nothing can have this name; "" when it can."""
    if not name.strip() or len(name) > LONGEST_NAME:
        return f"a name has 1 to {LONGEST_NAME} characters"
    if name != name.strip():
        return "a name does not begin or end with a space"
    if not name.isprintable():
        return "a name holds no line breaks, tabs or other control characters"
    return ""


def same_name(kind: str, name: str) -> Q:
    """Those that would be mistaken for one another under this name."""
    alike = next(kinds for kinds in NAMED_ALIKE if kind in kinds)
    return Q(kind__in=alike, name__iexact=name)


def problem(kind: str, name: str, besides: Audience | None = None) -> str:
    """Why an audience of this kind cannot be called so: the name is no name, or taken; "" when it can."""
    if name_problem(name):
        return name_problem(name)
    others = Audience.objects.exclude(pk=besides.pk) if besides else Audience.objects.all()
    taken = others.filter(same_name(kind, name)).first()
    return f"the name is taken by {titled(taken)}" if taken else ""


def group_problem(name: str, besides: TagGroup | None = None) -> str:
    """The same of a tag group, whose name no other has in any case of letters."""
    others = TagGroup.objects.exclude(pk=besides.pk) if besides else TagGroup.objects.all()
    taken = others.filter(name__iexact=name).first()
    return name_problem(name) or (f"there is a tag group “{taken.name}” already" if taken else "")


def demand_free_name(kind: str, name: str, besides: Audience | None = None) -> None:
    """AudienceError when an audience of this kind cannot be called so."""
    wrong = problem(kind, name, besides)
    if wrong:
        raise AudienceError(f"{Kind(kind).label} “{name}”: {wrong}")


def rename(audience: Audience, name: str) -> None:
    """Give a list another name; AudienceError when rules speak of the old one, or the new one cannot be used.

    Syncs of a list follow by themselves. A tag keeps its name: at platforms it is a data field's.
    """
    if name == audience.name:
        return
    if audience.is_tag:
        raise AudienceError(f"{titled(audience)} keeps its name, which platforms know it by; define another")
    demand_free_name(audience.kind, name, besides=audience)
    users = dependents(audience)
    if users:
        named = ", ".join(map(titled, users))
        raise AudienceError(f"{titled(audience)} is spoken of by that name in {named}; change that first")
    audience.name = name
    audience.save(update_fields=["name"])


def clean_folder(path: str) -> str:
    """“ Marketing / Opera/” is Marketing/Opera; “.” and “..” are no folders."""
    return "/".join(step.strip() for step in path.split("/") if step.strip() not in ("", ".", ".."))
