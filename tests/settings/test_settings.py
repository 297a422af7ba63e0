"""What holds for all settings together: production, secrets, constancy."""

from pathlib import Path

import pytest

from backend.settings import Settings
from tests.settings.loading import PUBLIC_KEY, load, problems

CANARY = "canary-5a1f-9c3e"
PRODUCTION = {
    "OFFHOOK_ENV": "production",
    "TELNYX_API_KEY": "KEY0123456789",
    "TELNYX_PUBLIC_KEY": PUBLIC_KEY,
    "TELNYX_CONNECTION_ID": "1494404757140276705",
    "PUBLIC_BASE_URL": "https://phone.example.com",
    "OPENAI_API_KEY": "sk-0123456789",
}


def test_production_starts_with_real_values(tmp_path: Path) -> None:
    """The complete set passes."""
    assert load(tmp_path, **PRODUCTION).offhook_env == "production"


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "OFFHOOK_ENV"])
def test_production_refuses_a_missing_value(tmp_path: Path, name: str) -> None:
    """Each one is needed."""
    assert f"{name}: must be set in production" in problems(tmp_path, **{**PRODUCTION, name: ""})


@pytest.mark.parametrize("value", ["changeme", "ChangeMe-please", "xxx", "XXXXXXXX", "your-api-key", "<key>", "..."])
@pytest.mark.parametrize("name", ["TELNYX_API_KEY", "OPENAI_API_KEY", "OFFHOOK_API_KEY"])
def test_production_refuses_placeholders(tmp_path: Path, name: str, value: str) -> None:
    """What an example file may hold is no secret; in development it does no harm."""
    assert f"{name}: holds a placeholder" in problems(tmp_path, **{**PRODUCTION, name: value})
    load(tmp_path, **{**PRODUCTION, name: value, "OFFHOOK_ENV": "development"})


def test_production_refuses_a_placeholder_for_the_connection_and_inside_an_address(tmp_path: Path) -> None:
    """They are no secrets of their own, but as useless."""
    text = problems(
        tmp_path, **{**PRODUCTION, "TELNYX_CONNECTION_ID": "xxxx", "DATABASE_URL": "postgresql://u:changeme@db/offhook"}
    )

    assert "TELNYX_CONNECTION_ID: holds a placeholder" in text and "DATABASE_URL: its password is" in text


def test_production_needs_https_and_a_long_api_key(tmp_path: Path) -> None:
    """What is reachable from outside is protected."""
    text = problems(tmp_path, **{**PRODUCTION, "PUBLIC_BASE_URL": "http://x", "OFFHOOK_API_KEY": "short"})

    assert "PUBLIC_BASE_URL: must be https" in text and "OFFHOOK_API_KEY: must have at least 16" in text


def test_production_writes_no_calls_to_disk(tmp_path: Path) -> None:
    """What callers say is recorded in rehearsals only."""
    wanted = {**PRODUCTION, "RECORD_CORE_DIR": str(tmp_path / "core")}

    assert "RECORD_CORE_DIR: must be empty in production" in problems(tmp_path, **wanted)
    load(tmp_path, **{**wanted, "OFFHOOK_ENV": "development"})


def test_a_server_without_keys_needs_no_model_key(tmp_path: Path) -> None:
    """OPENAI_BASE_URL may name one's own machine."""
    load(tmp_path, **{**PRODUCTION, "OPENAI_API_KEY": "", "OPENAI_BASE_URL": "http://127.0.0.1:8001/v1"})


def test_settings_never_change(tmp_path: Path) -> None:
    """They are read once and stay for the life of the process."""
    found = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        found.enable_barge_in = True  # type: ignore[misc]


def test_no_secret_is_ever_printed(tmp_path: Path) -> None:
    """Neither by an error, nor by the object itself."""
    secrets = {name.upper(): f"{CANARY}\n" for name in Settings.model_fields if name.endswith(("_key", "_token"))}
    urls = {"REDIS_URL": f"http://:{CANARY}@x", "DATABASE_URL": f"mysql://u:{CANARY}@x/y"}
    (tmp_path / "offhook.yaml").write_text(f"OPENAI_API_KEY: [{CANARY}\n")

    assert CANARY not in problems(tmp_path, **{**secrets, **urls, "TELNYX_PUBLIC_KEY": ""})

    (tmp_path / "offhook.yaml").unlink()
    found = load(tmp_path, OPENAI_API_KEY=CANARY, REDIS_URL=f"redis://:{CANARY}@x")
    assert CANARY not in f"{found!r} {found} {found.openai_api_key}"
    assert found.secret_values() == [CANARY, CANARY]


def test_the_sidecar_as_recogniser_needs_to_know_where_it_is(tmp_path: Path) -> None:
    """In any environment: agents would all fall back to the carrier."""
    text = problems(tmp_path, STT_ENGINE="sidecar")

    assert "STT_ADDRESS: must be set when STT_ENGINE is sidecar" in text and "STT_TOKEN: must be set" in text


def test_several_sidecars_stand_in_one_setting(tmp_path: Path) -> None:
    """With commas, blanks or none."""
    found = load(tmp_path, STT_ENGINE="sidecar", STT_TOKEN="t", STT_ADDRESS="127.0.0.1:50061, gpu-2:50061")

    assert found.stt_urls == ["ws://127.0.0.1:50061/", "ws://gpu-2:50061/"] and load(tmp_path).stt_urls == []
    assert "is wrong; allowed: host:port" in problems(tmp_path, STT_ADDRESS="127.0.0.1:50061,nonsense")


def test_an_external_tone_analyser_needs_exactly_one_address(tmp_path: Path) -> None:
    """To be allocated, or fixed."""
    both = {"TONE_URL": "http://tone.test", "TONE_FIXED_URL": "http://tone.test/x"}
    for wrong in ({}, both):
        assert "exactly one must be set" in problems(tmp_path, TONE_ANALYSER="external", **wrong)
    found = load(tmp_path, TONE_ANALYSER="external", TONE_URL="http://tone.test")

    assert found.tone_url == "http://tone.test" and load(tmp_path).tone_analyser == "prosody"
    assert "TONE_URL" in problems(tmp_path, TONE_URL="ftp://tone.test")
