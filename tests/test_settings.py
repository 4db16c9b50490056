"""Settings: where they come from, which one wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import SettingsError
from offhook.settings import HostPort, load, reference


def test_the_defaults_make_a_working_node() -> None:
    found = load(environment={})
    assert found.sip == HostPort("0.0.0.0", 5060)
    assert found.allow_private_urls is False


def test_the_environment_wins_over_the_file_and_a_flag_over_both(tmp_path: Path) -> None:
    file = tmp_path / "offhook.toml"
    file.write_text('sip = "127.0.0.1:1"\nhttp = "127.0.0.1:2"\nrtp_ports = "2000-3000"\nallow_private_urls = true\n')
    found = load(
        file=file, environment={"OFFHOOK_SIP": "127.0.0.1:3", "OFFHOOK_HTTP": "127.0.0.1:4"}, flags={"http": "127.0.0.1:5"}
    )
    assert (found.sip.port, found.http.port, found.rtp_ports, found.allow_private_urls) == (3, 5, (2000, 3000), True)


def test_an_empty_variable_and_an_absent_flag_set_nothing() -> None:
    assert load(environment={"OFFHOOK_SIP": " "}, flags={"sip": None}).sip.port == 5060


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OFFHOOK_SIP", "5060", "host:port"),
        ("OFFHOOK_SIP", "127.0.0.1:99999", "host:port"),
        ("OFFHOOK_RTP_PORTS", "9000", "low-high"),
        ("OFFHOOK_RTP_PORTS", "9000-8000", "the lower port first"),
        ("OFFHOOK_AUTH_ID", "MA123", "18 capitals or digits"),
        ("OFFHOOK_ANSWER_URL", "ftp://a", "http:// or https://"),
        ("OFFHOOK_ANSWER_METHOD", "PUT", "GET or POST"),
        ("OFFHOOK_DRAIN_S", "-1", "between 0 and 86400"),
        ("OFFHOOK_ALLOW_PRIVATE_URLS", "perhaps", "true or false"),
        ("OFFHOOK_MAX_CALLS", "many", "max_calls"),
        ("OFFHOOK_DATABASE", "mysql://offhook:secret@db/offhook", "sqlite:////path/to/file or postgresql://"),
        ("OFFHOOK_DATABASE", "sqlite:///relative.db", "sqlite:////path/to/file or postgresql://"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_the_rule(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environment={name: value})
    assert name in str(caught.value)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_misspelt_setting_in_the_file_gets_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "offhook.toml"
    file.write_text('rtp_port = "2000-3000"\n')
    with pytest.raises(SettingsError, match="did you mean 'rtp_ports'"):
        load(file=file, environment={})


@pytest.mark.parametrize("content", ["sip = [", "\xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "offhook.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"offhook\.toml: is not TOML"):
        load(file=file, environment={})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="check the path"):
        load(file=tmp_path / "none.toml", environment={})


def test_the_settings_page_is_up_to_date() -> None:
    page = Path(__file__).parents[1] / "docs" / "settings.md"
    assert page.read_text().endswith(reference())
