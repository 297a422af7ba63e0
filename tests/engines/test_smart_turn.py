"""The turn detector: the window it looks at, its file, its thread. With the real model where its wheel is installed."""

import importlib.util
from pathlib import Path

import gevent
import numpy as np
import pytest

from backend.engines import smart_turn
from backend.engines.smart_turn import MOST_WAITING, SmartTurn, find_model, window_of
from backend.errors import EngineBusy, EngineFailed, SettingsError
from tests.engines.turn_sounds import NO_WHEEL, in_wheel, sweep


@pytest.fixture
def model() -> SmartTurn:
    path = in_wheel("data/smart-turn-v3.2-cpu.onnx")
    if path is None:
        pytest.skip(NO_WHEEL)
    return SmartTurn(path)


def pcm(seconds: float, rate: int = 8000, hz: float = 300.0) -> bytes:
    tone = 8000 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    return tone.astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_the_window_is_the_last_eight_seconds_at_16_khz(rate: int) -> None:
    """Less stands at its end, with silence in front; more is cut in front."""
    short, long = window_of(pcm(2.0, rate), rate), window_of(pcm(1.0, rate, 900.0) + pcm(8.5, rate), rate)

    assert short.shape == long.shape == (128000,)
    assert not short[: 6 * 16000 - 100].any()
    assert np.abs(short[6 * 16000 + 100 :]).max() == pytest.approx(8000 / 32768, rel=0.05)
    spectrum = np.abs(np.fft.rfft(long))
    assert spectrum.argmax() == 300 * 8
    assert spectrum[900 * 8] < 0.01 * spectrum.max()


@pytest.mark.parametrize("given", [b"", b"\0", b"\1\0"])
def test_next_to_nothing_is_a_silent_window(given: bytes) -> None:
    """An odd byte is dropped."""
    assert np.abs(window_of(given, 8000)).max() < 1e-4


def test_without_the_wheel_the_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting, the remedy and the way out."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SettingsError, match=r"TURN_DETECTOR.*requirements-turn\.txt.*TURN_DETECTOR=silence"):
        find_model()


def test_a_wheel_of_that_name_without_the_file_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version might have another model."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "__init__.py").touch()
    monkeypatch.setattr(smart_turn, "_PACKAGE", "elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(SettingsError):
        find_model()

    file = tmp_path / "elsewhere" / "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_model() == file


def test_a_broken_file_is_an_engine_error(tmp_path: Path) -> None:
    """Not one of onnxruntime's own."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")

    with pytest.raises(EngineFailed, match="broken.onnx: cannot be loaded"):
        SmartTurn(broken)


def test_the_real_model_gives_a_probability(model: SmartTurn) -> None:
    """The same one for the same sound; at both rates nearly the same."""
    sound = (sweep() * 20000).astype("<i2")
    narrow = sound[::2].tobytes()

    first = model.judge(sound.tobytes(), 16000)

    assert 0.0 <= first <= 1.0
    assert model.judge(sound.tobytes(), 16000) == first
    assert 0.0 <= model.judge(narrow, 8000) <= 1.0


def test_the_hub_goes_on_meanwhile(model: SmartTurn) -> None:
    """Other greenlets run while the thread computes."""
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.001)
            ticks += 1

    ticking = gevent.spawn(tick)
    model.judge(pcm(8.0), 8000)
    ticking.kill()

    assert ticks >= 3


def test_a_long_queue_is_refused(model: SmartTurn) -> None:
    """A late verdict is worth nothing; those in the queue are still given, and then there is room again."""
    asked = [gevent.spawn(model.judge, pcm(1.0), 8000) for _ in range(MOST_WAITING)]
    gevent.sleep(0)

    with pytest.raises(EngineBusy):
        model.judge(pcm(1.0), 8000)

    gevent.joinall(asked, raise_error=True)
    assert 0.0 <= model.judge(pcm(1.0), 8000) <= 1.0


def test_an_unknown_rate_is_refused(model: SmartTurn) -> None:
    """Before anything is computed."""
    with pytest.raises(EngineFailed, match="11025"):
        model.judge(pcm(1.0), 11025)


def test_what_goes_wrong_in_the_thread_is_an_engine_error(model: SmartTurn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the message, which might quote anything."""

    def fail(pcm: bytes, rate: int) -> None:
        raise MemoryError("secret")

    monkeypatch.setattr(smart_turn, "window_of", fail)

    with pytest.raises(EngineFailed, match="MemoryError") as caught:
        model.judge(pcm(1.0), 8000)
    assert "secret" not in str(caught.value)
