"""The contacts of a body, one after the other: as objects all at once they would be ten times the body."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Any

#: Bytes that are read together, at least.
CHUNK = 1 << 20


class Body:
    """A JSON object whose `contacts` are given out one by one. ValueError where it is no such JSON."""

    def __init__(self, content: bytes, parse_constant: Callable[[str], Any] | None = None) -> None:
        self._text = _Window(content, json.JSONDecoder(parse_constant=parse_constant))
        #: The other properties by name in lower case, as far as they were read.
        self.rest: dict[str, Any] = {}

    def contacts(self) -> Iterator[Any]:
        """Each contact of the list, once."""
        text, listed = self._text, False
        for _ in text.members("{", "}"):
            name = text.value()
            if not isinstance(name, str):
                raise ValueError("a name is a text")
            text.take(":")
            if name.lower() == "contacts" and text.peek() == "[":
                if listed:
                    raise ValueError("contacts stand twice")
                listed = True
                for _ in text.members("[", "]"):
                    yield text.value()
            else:
                self.rest[name.lower()] = text.value()
        if text.peek():
            raise ValueError("there is something behind the object")


class _Window:
    """A part of a JSON text, which moves on as it is read."""

    def __init__(self, content: bytes, decoder: json.JSONDecoder) -> None:
        self._content = content
        self._next = 0
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._json = decoder
        self._text, self._at = "", 0

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if (found := self._text[self._at]) not in " \t\r\n":
                    return found
                self._at += 1
            if not self._more():
                return ""

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise ValueError(f"{expected} is missing")
        self._at += 1

    def members(self, first: str, last: str) -> Iterator[None]:
        """Once before each member of an object or list, which is then to be read."""
        self.take(first)
        if self.peek() != last:
            yield
            while self.peek() == ",":
                self._at += 1
                yield
        self.take(last)

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # a number may go on in what was not read yet
            if self._may_go_on(end) and self._more():
                continue
            self._at = end
            return value

    def _may_go_on(self, end: int) -> bool:
        """Is nothing read behind this, or only what belongs to a number: "1." or "1e+"?"""
        return len(self._text) - end <= 2 and not self._text[end:].strip(".eE+-")

    def _more(self) -> bool:
        """Read on, each time twice as much of what is one piece; False at the end."""
        if self._next >= len(self._content):
            return False
        piece = self._content[self._next : self._next + max(CHUNK, len(self._text) - self._at)]
        self._next += len(piece)
        final = self._next >= len(self._content)
        self._text, self._at = self._text[self._at :] + self._decode(piece, final), 0
        return True
