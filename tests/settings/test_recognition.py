"""Settings of the STT sidecar."""

from pathlib import Path

from tests.settings.loading import load, problems


def test_by_default_no_sidecar_runs_and_none_is_used(tmp_path: Path) -> None:
    """The carrier's transcription needs none."""
    settings = load(tmp_path)

    assert (settings.stt_recogniser, settings.stt_address, settings.stt_max_concurrent_sessions) == ("none", "", 2)


def test_the_token_is_a_secret(tmp_path: Path) -> None:
    """It never reaches a log."""
    settings = load(tmp_path, STT_TOKEN="canary-7731")

    assert "canary-7731" in settings.secret_values()
    assert "canary-7731" not in repr(settings)


def test_wrong_values_are_named_with_what_is_allowed(tmp_path: Path) -> None:
    """One line for each."""
    text = problems(
        tmp_path, STT_RECOGNISER="whisper", STT_ADDRESS="here", STT_PORT="0", STT_MAX_CONCURRENT_SESSIONS="0",
        STT_HOST="a b",
    )  # fmt: skip

    assert "STT_RECOGNISER: 'whisper' is wrong; allowed: none, scripted, sphinx, nemotron" in text
    assert "STT_ADDRESS: 'here' is wrong; allowed: host:port" in text
    assert "STT_PORT: '0' is wrong; allowed: a whole number from 1 to 65535" in text
    assert "STT_MAX_CONCURRENT_SESSIONS: '0' is wrong; allowed: a whole number from 1 to 1024" in text
    assert "STT_HOST: 'a b' is wrong; allowed: a host name or an IP address" in text


def test_nemotron_decides_after_160_ms_on_whatever_device_there_is(tmp_path: Path) -> None:
    """The numbers of an environment are text."""
    settings = load(tmp_path)
    other = load(tmp_path, STT_NEMOTRON_LOOKAHEAD="13", STT_NEMOTRON_DEVICE="cuda:1", STT_NEMOTRON_DTYPE="bfloat16")

    assert settings.stt_nemotron_lookahead == 1
    assert (settings.stt_nemotron_device, settings.stt_nemotron_dtype) == ("", "float32")
    assert other.stt_nemotron_lookahead == 13
    assert (other.stt_nemotron_device, other.stt_nemotron_dtype) == ("cuda:1", "bfloat16")


def test_what_nemotron_cannot_do_is_named(tmp_path: Path) -> None:
    """One line for each."""
    text = problems(
        tmp_path, STT_NEMOTRON_LOOKAHEAD="2", STT_NEMOTRON_DEVICE="tpu", STT_NEMOTRON_DTYPE="int8",
    )  # fmt: skip

    assert "STT_NEMOTRON_LOOKAHEAD: 2 is wrong; allowed: 0, 1, 6, 13" in text
    assert "STT_NEMOTRON_DEVICE: 'tpu' is wrong; allowed: cpu, cuda or cuda:<number>" in text
    assert "STT_NEMOTRON_DTYPE: 'int8' is wrong; allowed: float32, bfloat16, float16" in text
