"""backend/settings.py"""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from backend import settings as module
from backend.errors import SettingsError
from backend.settings import Settings, load_settings, require_for_web
from backend.workers.tts.engine_names import ENGINES

ROOT = Path(__file__).parent.parent
PUBLIC_KEY = base64.b64encode(bytes(range(32))).decode()
CANARY = "canary-5a1f-9c3e"
PRODUCTION = {
    "OFFHOOK_ENV": "production",
    "TELNYX_API_KEY": "KEY0123456789",
    "TELNYX_PUBLIC_KEY": PUBLIC_KEY,
    "TELNYX_CONNECTION_ID": "1494404757140276705",
    "PUBLIC_BASE_URL": "https://phone.example.com",
    "OPENAI_API_KEY": "sk-0123456789",
}


def load(tmp_path: Path, **environ: str) -> Settings:
    return load_settings(environ, working_dir=tmp_path)


def problems(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **environ)
    return str(caught.value)


def test_nothing_set_gives_the_defaults(tmp_path: Path) -> None:
    """A fresh machine starts without any setting."""
    found = load(tmp_path)

    assert (found.web_concurrency, found.enable_barge_in, found.telnyx_stream_target_legs) == (4, False, "self")
    assert found.records_url.startswith("sqlite:///") and found.records_url.endswith("/data/offhook.sqlite3")


def test_the_environment_wins_over_secrets_over_yaml_over_the_default(tmp_path: Path) -> None:
    """The documented order of sources, one setting per step."""
    (tmp_path / "offhook.yaml").write_text("PORT: 1001\nTTS_PORT: 1002\nWEB_CONCURRENCY: 3\nENABLE_BARGE_IN: 1\n")
    (tmp_path / "secrets").write_text("# ours\nPORT=2001\nTTS_PORT='2002'\nOPENAI_API_KEY=from-file\n")

    found = load(tmp_path, OFFHOOK_SECRETS_FILE=str(tmp_path / "secrets"), PORT="3001")

    assert (found.port, found.tts_port, found.web_concurrency, found.enable_barge_in) == (3001, 2002, 3, True)
    assert found.openai_api_key.get_secret_value() == "from-file"


def test_an_empty_value_means_not_given(tmp_path: Path) -> None:
    """The example file can be used as it is."""
    (tmp_path / "secrets").write_text((ROOT / "deploy" / "env.example").read_text())

    found = load(tmp_path, PORT="", OFFHOOK_SECRETS_FILE=str(tmp_path / "secrets"))

    assert found == load(tmp_path)


def test_every_wrong_field_is_named_at_once_with_value_and_what_is_allowed(tmp_path: Path) -> None:
    """One start, one complete list."""
    text = problems(
        tmp_path, WEB_CONCURRENCY="99", VAD="loud", ENABLE_BARGE_IN="yes", PORT="x", TTS_ADDRESS="nowhere",
        OFFHOOK_ENV="production",
    )  # fmt: skip

    assert "WEB_CONCURRENCY: '99' is wrong; allowed: a whole number from 1 to 64" in text
    assert "VAD: 'loud' is wrong; allowed: silero, webrtc" in text
    assert "ENABLE_BARGE_IN: 'yes' is wrong; allowed: 0 or 1" in text
    assert "PORT: 'x' is wrong; allowed: a whole number from 1 to 65535" in text
    assert "TTS_ADDRESS: 'nowhere' is wrong; allowed: host:port" in text
    assert "TELNYX_API_KEY: must be set in production" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_BASE_URL", "ftp://x"), ("PUBLIC_BASE_URL", "https://x/path"), ("PUBLIC_BASE_URL", "https://x:99999"),
        ("TELNYX_PUBLIC_KEY", "abc"), ("TELNYX_PUBLIC_KEY", base64.b64encode(b"x" * 31).decode()),
        ("TELNYX_CONNECTION_ID", "a b"), ("TELNYX_STREAM_CODEC", "OPUS"), ("TELNYX_STREAM_TARGET_LEGS", "all"),
        ("REDIS_URL", "http://x"), ("DATABASE_URL", "mysql://x/y"), ("DATABASE_URL", "nonsense"),
        ("HOST", "two words"), ("LOG_LEVEL", "LOUD"), ("OPENAI_MODEL", "a\nb"), ("TTS_ENGINES", "flite"),
        ("TTS_ADDRESS", "host:0"), ("TTS_ADVERTISE", "gpu-1"), ("TTS_ADVERTISE", "a b:1"), ("TTS_NAME", "a{b"),
        ("TTS_NAME", "a b"), ("TTS_ROUTING", "any"), ("TTS_WAIT_S", "-1"), ("TTS_PORT", "65536"), ("TTS_MAX_SESSIONS", "0"),
        ("WEB_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "2.5"),
    ],
)  # fmt: skip
def test_a_wrong_value_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    """The field is named."""
    assert f"{name}: " in problems(tmp_path, **{name: value})


def test_an_unknown_name_in_a_file_is_an_error(tmp_path: Path) -> None:
    """A typing mistake must not fall back to the default; other programs' environment is none of our business."""
    (tmp_path / "offhook.yaml").write_text("WEB_CONCURENCY: 3\n")
    (tmp_path / "secrets").write_text("OPENAI_KEY=x\nno equals sign\n")

    text = problems(tmp_path, OFFHOOK_SECRETS_FILE=str(tmp_path / "secrets"), LS_COLORS="x")

    assert "'WEB_CONCURENCY' is not a setting" in text
    assert "'OPENAI_KEY' is not a setting" in text
    assert "line 2: must be NAME=value" in text


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [", "\x00", "just words"])
def test_a_broken_yaml_file_is_an_error(tmp_path: Path, content: str) -> None:
    """And names the file."""
    (tmp_path / "offhook.yaml").write_text(content)

    assert "offhook.yaml" in problems(tmp_path)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """Only the unnamed offhook.yaml may be absent."""
    text = problems(tmp_path, OFFHOOK_CONFIG=str(tmp_path / "no.yaml"), OFFHOOK_SECRETS_FILE=str(tmp_path / "no"))

    assert "no.yaml: cannot be read" in text and "OFFHOOK_SECRETS_FILE" in text


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


def test_a_server_without_keys_needs_no_model_key(tmp_path: Path) -> None:
    """OPENAI_BASE_URL may name one's own machine."""
    load(tmp_path, **{**PRODUCTION, "OPENAI_API_KEY": "", "OPENAI_BASE_URL": "http://127.0.0.1:8001/v1"})


def test_the_web_processes_need_the_carriers_public_key(tmp_path: Path) -> None:
    """In every environment: without it no webhook could be trusted."""
    with pytest.raises(SettingsError, match="TELNYX_PUBLIC_KEY"):
        require_for_web(load(tmp_path))
    require_for_web(load(tmp_path, TELNYX_PUBLIC_KEY=PUBLIC_KEY))


def test_the_voices_are_named_with_commas(tmp_path: Path) -> None:
    """Spaces do not matter; an unknown one is named together with those there are."""
    assert load(tmp_path, TTS_ENGINES=" espeak-ng ").tts_engine_names == ["espeak-ng"]
    assert f"TTS_ENGINES: 'espeak-ng,flite' is wrong; allowed: {', '.join(ENGINES)}" in problems(
        tmp_path, TTS_ENGINES="espeak-ng,flite"
    )


def test_a_port_that_the_system_chooses_needs_no_address(tmp_path: Path) -> None:
    """The worker tells Redis where it listens."""
    require_for_web(load(tmp_path, TELNYX_PUBLIC_KEY=PUBLIC_KEY, TTS_PORT="0"))


def test_reading_the_settings_does_not_load_what_only_others_need() -> None:
    """The TTS worker reads them too: no SQL, no engine."""
    script = "import sys, backend.settings; print(*sorted({'sqlalchemy', 'numpy', 'grpc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


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


def test_settings_never_change(tmp_path: Path) -> None:
    """They are read once and stay for the life of the process."""
    found = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        found.enable_barge_in = True  # type: ignore[misc]


def test_the_example_file_is_the_one_the_settings_write() -> None:
    """`python -m backend.settings --example > deploy/env.example` after a change."""
    assert (ROOT / "deploy" / "env.example").read_text() == module.example_file()


def test_the_table_for_the_docs_holds_every_setting_and_its_meaning() -> None:
    """Run as the docs are made."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.settings"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    for name, info in Settings.model_fields.items():
        assert f"| `{name.upper()}` |" in done.stdout
        assert info.description and info.description in done.stdout
