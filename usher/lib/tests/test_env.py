from __future__ import annotations

import pytest

from usher.lib import env


def test_a_database_url_with_a_socket_directory_is_understood() -> None:
    found = env.postgres("postgresql://postgres:@/usher?host=/srv/usher/postgres")
    assert (found["NAME"], found["USER"], found["HOST"]) == ("usher", "postgres", "/srv/usher/postgres")


def test_a_database_url_with_a_password_and_options_is_understood() -> None:
    found = env.postgres("postgres://me:p%40ss@db.example.com:5433/crm?sslmode=require")
    assert found["PASSWORD"] == "p@ss"
    assert (found["HOST"], found["PORT"], found["OPTIONS"]) == (
        "db.example.com",
        "5433",
        {"sslmode": "require"},
    )


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(env.SettingError, match="DATABASE_URL must start with postgresql://, not 'mysql'"):
        env.postgres("mysql://localhost/usher")


def test_a_number_that_is_none_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USHER_PORT", "eighty")
    with pytest.raises(env.SettingError, match="USHER_PORT must be a whole number, not 'eighty'"):
        env.number("USHER_PORT", 8000)
