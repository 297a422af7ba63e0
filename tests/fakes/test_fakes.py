"""The fakes keep the contracts they stand in for: same methods, same parameters."""

import inspect
from typing import Any

import pytest

from backend.carrier.base import CarrierClient, MediaStream
from backend.clock import Clock
from backend.engines.base import Llm, SynthesisRequest, Tts, TurnModel, Vad, VadStream
from backend.errors import EngineFailed, Unavailable
from tests.fakes.fake_carrier import FakeCarrier
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.fake_stream import FakeStream
from tests.fakes.fake_tts import FakeTts, Voice
from tests.fakes.fake_turn_model import FakeTurnModel
from tests.fakes.fake_vad import FakeVad, FakeVadStream

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (CarrierClient, FakeCarrier),
    (MediaStream, FakeStream),
    (Clock, FakeClock),
    (Tts, FakeTts),
    (Llm, FakeLlm),
    (Vad, FakeVad),
    (VadStream, FakeVadStream),
    (TurnModel, FakeTurnModel),
]


@pytest.mark.parametrize(("contract", "fake"), PAIRS, ids=lambda value: value.__name__)
def test_a_fake_has_the_contracts_methods_and_parameters(contract: type[Any], fake: type[Any]) -> None:
    """A contract that grows fails here, not in a test that silently stops meaning anything."""
    for name, method in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = [(p.name, p.kind) for p in inspect.signature(method).parameters.values()]
        found = [(p.name, p.kind) for p in inspect.signature(getattr(fake, name)).parameters.values()]

        assert found == wanted, name


def test_a_scripted_carrier_fails_in_the_order_of_its_script() -> None:
    """First the error, then success; a repeated id has one effect."""
    carrier = FakeCarrier()
    carrier.will("hang_up", Unavailable("away"))
    with pytest.raises(Unavailable):
        carrier.hang_up("v3:a", command_id="x")
    carrier.hang_up("v3:a", command_id="x")

    assert (len(carrier.asked), len(carrier.effects)) == (2, 1)


def test_the_fake_voice_ends_with_one_final_frame_and_leaves_nothing_behind() -> None:
    """Also when it fails or its reader goes away."""
    tts = FakeTts(Voice(seconds=0.15, frame_s=0.05))
    tts.voices["broken"] = Voice(error=EngineFailed("no", engine="fake"), error_after=1)
    frames = list(tts.synthesize(SynthesisRequest("a", "hello", "any")))
    with pytest.raises(EngineFailed):
        list(tts.synthesize(SynthesisRequest("b", "hello", "broken")))

    assert [frame.is_final for frame in frames] == [False, False, True] and tts.running == {}


def test_the_fake_stream_returns_marks_when_their_audio_is_over_and_all_on_clear() -> None:
    """As the carrier does: a mark after a clear does not mean heard."""
    clock = FakeClock()
    stream, heard = FakeStream(clock), []

    class Listener:
        def on_mark(self, name: str) -> None:
            heard.append(name)

    stream.listener = Listener()  # type: ignore[assignment]  # only marks are reported here
    stream.send_audio(b"\xff" * 800)
    stream.send_mark("one")
    stream.play_on()
    clock.advance(0.11)
    stream.play_on()
    stream.send_audio(b"\xff" * 800)
    stream.send_mark("two")
    stream.clear()

    assert heard == ["one", "two"]
