"""PostgreSQL."""

from __future__ import annotations

from typing import Any

from usher.rules.dialects.base import Dialect, function


class Postgres(Dialect):
    name = "postgres"

    def bytes(self, value: Any) -> Any:
        return function("octet_length", ("string",), "int64")(value)

    def sortable(self, value: Any) -> Any:
        """The database may be sorted by the habits of a language: the bytes in digits are not."""
        if not value.type().is_string():
            return value
        encoded = function("convert_to", ("string", "string"), "binary")(value, "UTF8")
        return function("encode", ("binary", "string"), "string")(encoded, "hex")

    def least(self, column: Any) -> Any:
        return self._read(column, self.sortable(column).min())

    def greatest(self, column: Any) -> Any:
        return self._read(column, self.sortable(column).max())

    def _read(self, column: Any, found: Any) -> Any:
        if not column.type().is_string():
            return found
        decoded = function("decode", ("string", "string"), "binary")(found, "hex")
        return function("convert_from", ("binary", "string"), "string")(decoded, "UTF8")
