"""What can be wrong with a rule: text that cannot be read, and text that does not fit the data."""

from __future__ import annotations

from dataclasses import dataclass


class RuleError(ValueError):
    """A rule that cannot be read or run; `str()` shows the line with a caret and, if there is one, a hint."""

    def __init__(
        self,
        message: str,
        text: str = "",
        position: int = 0,
        expected: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.text = text
        self.position = position
        self.expected = expected
        self.hint = hint
        self.line = text.count("\n", 0, position) + 1
        self.column = position - (text.rfind("\n", 0, position) + 1) + 1
        super().__init__(self._shown())

    def _shown(self) -> str:
        parts = [self.message]
        if self.text:
            line = self.text.split("\n")[self.line - 1]
            start = max(0, self.column - 60)
            parts += [f"  {line[start : start + 100]}", "  " + " " * (self.column - 1 - start) + "^"]
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return "\n".join(parts)


@dataclass(frozen=True)
class Problem:
    """One thing in a rule that does not fit the schema; `start` and `end` are offsets in its text."""

    message: str
    start: int
    end: int
    suggestion: str | None = None

    def __str__(self) -> str:
        return f"{self.message} Did you mean {self.suggestion}?" if self.suggestion else self.message
