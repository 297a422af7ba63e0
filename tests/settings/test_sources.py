"""Where settings come from, and what is said of wrong ones."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.settings import require_for_web
from tests.settings.loading import PUBLIC_KEY, load, problems

ROOT = Path(__file__).parents[2]


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


def test_the_web_processes_need_the_carriers_public_key(tmp_path: Path) -> None:
    """In every environment: without it no webhook could be trusted."""
    with pytest.raises(SettingsError, match="TELNYX_PUBLIC_KEY"):
        require_for_web(load(tmp_path))
    require_for_web(load(tmp_path, TELNYX_PUBLIC_KEY=PUBLIC_KEY))


def test_a_port_that_the_system_chooses_needs_no_address(tmp_path: Path) -> None:
    """The worker tells Redis where it listens."""
    require_for_web(load(tmp_path, TELNYX_PUBLIC_KEY=PUBLIC_KEY, TTS_PORT="0"))


def test_reading_the_settings_does_not_load_what_only_others_need() -> None:
    """The TTS worker reads them too: no SQL, no engine."""
    script = "import sys, backend.settings; print(*sorted({'sqlalchemy', 'numpy', 'grpc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
