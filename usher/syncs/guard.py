"""Stop a plan that would do harm: pure questions about its numbers."""

from __future__ import annotations

from usher.syncs.plan import Plan


def refusal(plan: Plan) -> str:
    """Why the plan must not be applied, by nobody; "" when it may."""
    if not plan.counts.read:
        return (
            "the audience is empty: nothing is removed, because a source that fails looks the same; "
            "check the audience's rule and its source, or delete the sync"
        )
    if plan.counts.removed and plan.counts.refused == plan.counts.read:
        return (
            f"none of the {plan.counts.read:,} people in the audience can be sent: nothing is removed; "
            "look at the reasons of the refusals, such as a wrong e-mail column"
        )
    return "; ".join(plan.problems)


def hold(plan: Plan, *, share: float, floor: int) -> str:
    """Why somebody has to approve the plan first; "" when it may go ahead."""
    removed, there = plan.counts.removed, plan.on_list
    if removed <= floor or removed <= share * there:
        return ""
    return (
        f"it would remove {removed:,} of the {there:,} people on the list ({removed / there:.0%}), "
        f"more than {share:.0%} and more than {floor:,}; look at the plan, then approve it with a reason"
    )
