"""A rule with the rules of the tags, segments and lists that it asks for in their place."""

from __future__ import annotations

from collections.abc import Callable

from usher.rules import nodes
from usher.rules.compile.simpler import rewritten
from usher.rules.nodes import Node

#: The rule of a tag, segment or audience; None: it has none that could stand in its place.
RuleOf = Callable[[nodes.Membership], Node | None]


def unfolded(node: Node, rule_of: RuleOf) -> Node:
    """The same rule, as its nested rules are now; none of them may need itself."""

    def change(part: Node) -> Node:
        rule = rule_of(part) if isinstance(part, nodes.Membership) else None
        if rule is None:
            return part
        inner = unfolded(rule, rule_of)
        # `not tag(…)` takes in those for whom its rule looks at a missing text; `not contains(…)` would not
        return nodes.And((inner,)) if isinstance(inner, nodes.Call) else inner

    return rewritten(node, change)
