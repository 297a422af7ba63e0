"""Short utterances that are ready before they are needed: backend/session/ready_speech.py"""

import gevent
import pytest

from backend.call.agent_config import AgentConfig
from backend.engines.base import AudioFrame, SynthesisRequest
from backend.errors import EngineBusy, StoreError
from backend.session.ready_speech import ReadySpeech
from backend.store.speech_cache import Utterance
from tests.fakes.fake_tts import Voice
from tests.session.rig import Rig, make_agent, settle, wait_until

TEXT = "Still there?"


def ask(number: int, voice: str = "first", text: str = TEXT) -> SynthesisRequest:
    return SynthesisRequest(f"synthesis-{number}", text, voice, "en", 8000, frame_duration_ms=200)


class Models:
    """What the workers say of their models; it may change."""

    def __init__(self) -> None:
        self.model = "pocket@1"

    def __call__(self, voice: str, language: str) -> str:
        return self.model


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def ready(rig: Rig, models: Models) -> ReadySpeech:
    return ReadySpeech(rig.stores.speech_cache, rig.tts, models, warm_after_s=0)


def hear(ready: ReadySpeech, request: SynthesisRequest) -> list[AudioFrame]:
    frames = list(ready.synthesize(request))
    settle()
    return frames


def pcm(frames: list[AudioFrame]) -> bytes:
    return b"".join(frame.pcm for frame in frames)


def test_what_was_made_once_is_not_made_again(rig: Rig, ready: ReadySpeech) -> None:
    """Sample for sample the same, in frames of the wanted length, the last of them final."""
    rig.tts.default = Voice(seconds=0.5, frame_s=0.05)
    first, second = hear(ready, ask(1)), hear(ready, ask(2))

    assert len(rig.tts.requests) == 1
    assert pcm(first) == pcm(second)
    assert [len(frame.pcm) for frame in second] == [3200, 3200, 1600]
    assert [(frame.sequence_number, frame.is_final) for frame in second] == [(0, False), (1, False), (2, True)]


def test_a_new_version_of_the_model_is_another_voice(rig: Rig, ready: ReadySpeech, models: Models) -> None:
    """Nothing has to be thrown away."""
    hear(ready, ask(1))
    models.model = "pocket@2"
    hear(ready, ask(2))

    assert len(rig.tts.requests) == 2


def test_without_a_known_model_nothing_is_kept_or_found(rig: Rig, ready: ReadySpeech, models: Models) -> None:
    """Else the speech of an unknown model would be taken for that of any."""
    models.model = ""
    hear(ready, ask(1))
    hear(ready, ask(2))

    assert len(rig.tts.requests) == 2 and "rank_now" not in rig.database.ran


def test_a_model_that_changed_while_it_spoke_is_not_kept(rig: Rig, ready: ReadySpeech, models: Models) -> None:
    """Nobody knows which of the two it was."""
    frames = ready.synthesize(ask(1))
    next(frames)
    models.model = "pocket@2"
    list(frames)
    settle()
    models.model = "pocket@1"
    hear(ready, ask(2))

    assert len(rig.tts.requests) == 2


def test_half_an_utterance_is_not_kept(rig: Rig, ready: ReadySpeech) -> None:
    """The voice broke off: the next one is made anew."""
    rig.tts.voices["first"] = Voice(error=EngineBusy("full", engine="fake"), error_after=1)
    with pytest.raises(EngineBusy):
        hear(ready, ask(1))
    rig.tts.voices.clear()

    assert hear(ready, ask(2))[-1].is_final and len(rig.tts.requests) == 2


def test_without_redis_the_voice_says_it(rig: Rig, ready: ReadySpeech) -> None:
    """G4: nothing is lost but the gain."""
    hear(ready, ask(1))
    rig.database.is_away = True

    assert hear(ready, ask(2))[-1].is_final and len(rig.tts.requests) == 2


def test_an_agents_short_utterances_are_made_ahead(rig: Rig, ready: ReadySpeech, agent: AgentConfig) -> None:
    """Check-in first, greeting last; afterwards none of them needs a voice."""
    ready.warm(agent)
    wait_until(lambda: len(rig.tts.requests) == 5)
    settle()
    no_progress = agent.settings.no_progress
    texts = ["Still there?", no_progress.filler_message, "Goodbye now.", no_progress.apology_message, "Hello."]

    assert rig.tts.texts() == [("first", text) for text in texts]
    for number, text in enumerate(texts):
        hear(ready, ask(number, text=text))
    assert len(rig.tts.requests) == 5


def test_they_are_made_ahead_once_an_hour_by_all_workers_together(
    rig: Rig, ready: ReadySpeech, models: Models, agent: AgentConfig
) -> None:
    """A changed agent is another one."""
    other_worker = ReadySpeech(rig.stores.speech_cache, rig.tts, models, warm_after_s=0)
    for each in (ready, other_worker, ready):
        each.warm(agent)
        settle()
        wait_until(lambda: len(rig.tts.requests) == 5)
    rig.clock.advance(3601)
    ready.warm(agent)
    settle()
    assert len(rig.tts.requests) == 5  # they are still there
    ready.warm(make_agent(greeting="Good evening."))
    wait_until(lambda: len(rig.tts.requests) == 6)

    assert rig.tts.texts()[-1] == ("first", "Good evening.")


def test_making_ahead_that_fails_is_tried_again_with_the_next_call(
    rig: Rig, ready: ReadySpeech, agent: AgentConfig
) -> None:
    """A worker that was full then is not now; the call itself does not notice."""
    rig.tts.voices["first"] = Voice(error=EngineBusy("full", engine="fake"))
    ready.warm(agent)
    wait_until(lambda: rig.tts.requests)
    settle()
    rig.tts.voices.clear()
    ready.warm(agent)
    wait_until(lambda: len(rig.tts.requests) == 6)


def test_without_redis_nothing_is_made_ahead(rig: Rig, ready: ReadySpeech, agent: AgentConfig) -> None:
    """There would be nowhere to put it."""
    rig.database.is_away = True
    ready.warm(agent)
    gevent.sleep(0.01)
    settle()

    assert rig.tts.requests == []
    with pytest.raises(StoreError):
        rig.stores.speech_cache.get(Utterance("first", "pocket@1", "en", 8000, TEXT))


def test_a_call_is_not_kept_waiting_by_it(rig: Rig, models: Models, agent: AgentConfig) -> None:
    """Its greeting comes first."""
    ready = ReadySpeech(rig.stores.speech_cache, rig.tts, models, warm_after_s=0.05)
    ready.warm(agent)
    settle()
    assert rig.tts.requests == []

    wait_until(lambda: len(rig.tts.requests) == 5)
