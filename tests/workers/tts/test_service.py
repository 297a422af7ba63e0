"""The Voice service with engines that behave as told; no network, the context is a stand-in."""

import asyncio
from typing import Any, NoReturn

import grpc
import numpy as np
import pytest

from backend.workers.tts.adapter import VoiceInfo, not_counted
from backend.workers.tts.engines import Engines
from backend.workers.tts.proto import voice_pb2
from backend.workers.tts.service import Resamplers, VoiceService
from tests.workers.tts.fake_engine import FakeEngine

SOON_S = 5.0


class Aborted(Exception):
    """What a real context raises from abort()."""


class FakeContext:
    """Takes the frames; remembers the status. `may_write` holds a write back, like a client that does not read."""

    def __init__(self) -> None:
        self.frames: list[voice_pb2.AudioFrame] = []
        self.metadata: Any = ()
        self.status: Any = None
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        self.status = (code, details)
        raise Aborted

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.metadata = metadata

    async def write(self, frame: Any) -> None:
        await self.may_write.wait()
        self.frames.append(frame)


class Stage:
    """A service, its engine, and what a client would do."""

    def __init__(self, engine: FakeEngine, slots: int, engine_timeout_s: float) -> None:
        self.engine = engine
        self.engines = Engines({"fake": engine})
        self.service = VoiceService(self.engines, slots, engine_timeout_s=engine_timeout_s, clock=lambda: self.now)
        self.now = 0.0

    def begin(self, synthesis_id: str = "s1", **fields: Any) -> Any:
        """Start a synthesis; its context and its task."""
        request = {"text": "Hello.", "voice": "anna", "sample_rate": 8000, "frame_duration_ms": 100, **fields}
        context = FakeContext()
        message = voice_pb2.SynthesizeRequest(synthesis_id=synthesis_id, **request)
        return context, asyncio.create_task(self.service.Synthesize(message, context))

    async def speak(self, synthesis_id: str = "s1", **fields: Any) -> Any:
        """Start one and see it through."""
        context, task = self.begin(synthesis_id, **fields)
        try:
            await asyncio.wait_for(task, SOON_S)
        except Aborted:
            pass
        return context

    async def health(self) -> Any:
        return await self.service.Health(voice_pb2.HealthRequest(), FakeContext())

    async def cancel(self, synthesis_id: str = "s1") -> Any:
        message = voice_pb2.CancelRequest(synthesis_id=synthesis_id)
        return (await self.service.Cancel(message, FakeContext())).was_running

    async def until_idle(self) -> None:
        async with asyncio.timeout(SOON_S):
            while (await self.health()).running:
                await asyncio.sleep(0.005)


def staged(test: Any) -> Any:
    """Run an async test on a stage; the marks below say which engine and how many slots."""

    def run(*arguments: Any, **named: Any) -> None:
        async def whole() -> None:
            engine = named.pop("engine", None) or FakeEngine()
            stage = Stage(engine, named.pop("slots", 2), named.pop("engine_timeout_s", SOON_S))
            await stage.engines.load("fake")
            try:
                await test(stage, *arguments)
            finally:
                engine.let(100_000)
                await stage.service.drain(SOON_S)

        asyncio.run(whole())

    return run


def test_a_synthesis_is_data_frames_and_one_final_data_frame() -> None:
    """D2, resampled from the engine's 24 kHz to the asked 8 kHz, without a sample lost."""

    @staged
    async def run(stage: Stage) -> None:
        context = await stage.speak(session_id="call-7")
        assert context.status is None
        assert context.metadata == (("final-frame", "data"),)
        assert [frame.is_final for frame in context.frames] == [False] * 6 + [True]
        assert [frame.sequence_number for frame in context.frames] == [0, 1, 2, 3, 4, 5, 6]
        assert [frame.frame_duration_ms for frame in context.frames[:4]] == [20, 40, 80, 100]
        assert {(frame.session_id, frame.sample_rate) for frame in context.frames} == {("call-7", 8000)}
        pcm = np.frombuffer(b"".join(frame.audio_data for frame in context.frames), np.int16)
        assert abs(len(pcm) - 4000) <= 16

    run()


def test_the_first_frame_is_sent_before_the_engine_has_gone_on() -> None:
    """D3: the engine stands still after its second step and the frames made so far are out."""

    @staged
    async def run(stage: Stage) -> None:
        stage.engine.let(2)
        context, task = stage.begin()
        async with asyncio.timeout(SOON_S):
            while not context.frames:
                await asyncio.sleep(0.005)
        assert stage.engine.steps_made <= 2
        stage.engine.let(1000)
        await asyncio.wait_for(task, SOON_S)

    run(engine=FakeEngine(is_gated=True))


def test_a_cancel_stops_the_thread_and_frees_the_slot() -> None:
    """D8: the generating thread sees it at its next step; the stream ends as CANCELLED, without a final frame."""

    @staged
    async def run(stage: Stage) -> None:
        stage.engine.let(3)
        context, task = stage.begin()
        async with asyncio.timeout(SOON_S):
            while not context.frames:
                await asyncio.sleep(0.005)
        assert await stage.cancel() is True
        stage.engine.let(1)
        with pytest.raises(Aborted):
            await asyncio.wait_for(task, SOON_S)
        assert await asyncio.to_thread(stage.engine.stopped.wait, SOON_S)  # not here: the thread may need the loop
        assert context.status[0] is grpc.StatusCode.CANCELLED
        assert not any(frame.is_final for frame in context.frames)
        assert (await stage.health()).running == 0

    run(engine=FakeEngine(steps=1000, is_gated=True))


def test_a_cancel_before_its_synthesis_refuses_it_for_two_seconds() -> None:
    """D8; the engine is not even asked."""

    @staged
    async def run(stage: Stage) -> None:
        assert await stage.cancel("s1") is False
        stage.now = 1.9
        context = await stage.speak("s1")
        assert context.status == (grpc.StatusCode.CANCELLED, "cancelled before it began")
        assert stage.engine.steps_made == 0

        await stage.cancel("s2")
        stage.now = 4.0
        assert (await stage.speak("s2")).status is None

    run()


def test_a_client_that_goes_away_stops_the_thread() -> None:
    """Its stream's task is cancelled by gRPC: the slot comes back with the thread."""

    @staged
    async def run(stage: Stage) -> None:
        stage.engine.let(3)
        context, task = stage.begin()
        async with asyncio.timeout(SOON_S):
            while not context.frames:
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])
        stage.engine.let(1)
        await stage.until_idle()
        assert await asyncio.to_thread(stage.engine.stopped.wait, SOON_S)  # not here: the thread may need the loop
        assert stage.engine.steps_made <= 4

    run(engine=FakeEngine(steps=1000, is_gated=True))


def test_a_client_that_does_not_read_holds_the_engine_back() -> None:
    """Frames are not piled up without bound; a cancel still gets through."""

    @staged
    async def run(stage: Stage) -> None:
        context, task = stage.begin()
        context.may_write.clear()
        async with asyncio.timeout(SOON_S):
            made = -1
            while stage.engine.steps_made != made:
                made = stage.engine.steps_made
                await asyncio.sleep(0.1)
        assert made < 200
        await stage.cancel()
        await stage.until_idle()
        context.may_write.set()
        with pytest.raises(Aborted):
            await asyncio.wait_for(task, SOON_S)

    run(engine=FakeEngine(steps=100_000))


@pytest.mark.parametrize("fails_at", [0, 5])
def test_a_failing_engine_ends_with_a_status_and_gives_its_slot_back(fails_at: int) -> None:
    """Never a hang, never a final frame, never the engine's own words."""

    @staged
    async def run(stage: Stage) -> None:
        for number in range(5):
            context = await stage.speak(f"s{number}")
            assert context.status == (grpc.StatusCode.INTERNAL, "the engine failed: ZeroDivisionError")
            assert not any(frame.is_final for frame in context.frames)
        assert (await stage.health()).running == 0

    run(engine=FakeEngine(fails_at=fails_at), slots=1)


def test_an_engine_that_falls_silent_is_given_up() -> None:
    """The client gets a status; the slot stays taken as long as the thread hangs, and comes back with it."""

    @staged
    async def run(stage: Stage) -> None:
        context = await stage.speak()
        assert context.status == (grpc.StatusCode.INTERNAL, "the engine gave nothing for 0.05 s")
        assert (await stage.health()).running == 1
        stage.engine.let(1)
        await stage.until_idle()

    run(engine=FakeEngine(is_gated=True), engine_timeout_s=0.05)


def test_more_than_max_sessions_are_refused_until_one_ends() -> None:
    """RESOURCE_EXHAUSTED tells the client to try another worker."""

    @staged
    async def run(stage: Stage) -> None:
        running = [stage.begin(f"s{number}") for number in range(2)]
        await asyncio.sleep(0)
        refused = await stage.speak("s3")
        assert refused.status[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        stage.engine.let(1000)
        await asyncio.wait_for(asyncio.gather(*(task for _, task in running)), SOON_S)
        assert (await stage.speak("s4")).status is None

    run(engine=FakeEngine(is_gated=True), slots=2)


def test_whoever_heard_the_end_finds_the_slot_free() -> None:
    """Fifty messages one after the other with a single slot: none is refused."""

    @staged
    async def run(stage: Stage) -> None:
        for number in range(50):
            context = await stage.speak(f"s{number}")
            assert context.status is None
            assert context.frames[-1].is_final
        assert (await stage.health()).running == 0

    run(slots=1, engine=FakeEngine(steps=2))


def test_the_same_id_twice_at_once_is_refused() -> None:
    """The first goes on undisturbed."""

    @staged
    async def run(stage: Stage) -> None:
        first, task = stage.begin("s1")
        await asyncio.sleep(0)
        assert (await stage.speak("s1")).status[0] is grpc.StatusCode.ALREADY_EXISTS
        stage.engine.let(1000)
        await asyncio.wait_for(task, SOON_S)
        assert first.frames[-1].is_final

    run(engine=FakeEngine(is_gated=True))


def test_a_bad_request_is_refused_and_costs_nothing() -> None:
    """INVALID_ARGUMENT, with the reason; checks.py has the cases."""

    @staged
    async def run(stage: Stage) -> None:
        context = await stage.speak(sample_rate=11025)
        assert context.status[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert "11025" in context.status[1]
        assert (await stage.health()).running == 0

    run()


def test_models_come_and_go() -> None:
    """Unloaded it speaks nothing and says so; while it speaks it cannot be unloaded; unknown ones are named."""

    @staged
    async def run(stage: Stage) -> None:
        service = stage.service
        _, task = stage.begin()
        await asyncio.sleep(0)
        busy = FakeContext()
        with pytest.raises(Aborted):
            await service.UnloadModel(voice_pb2.UnloadModelRequest(model="fake"), busy)
        assert busy.status[0] is grpc.StatusCode.FAILED_PRECONDITION
        stage.engine.let(1000)
        await asyncio.wait_for(task, SOON_S)
        await asyncio.sleep(0.02)

        answer = await service.UnloadModel(voice_pb2.UnloadModelRequest(model="fake"), FakeContext())
        assert (answer.model.is_resident, len(answer.model.voices)) == (False, 0)
        assert (await stage.speak("s2")).status[0] is grpc.StatusCode.FAILED_PRECONDITION
        assert (await stage.health()).status == voice_pb2.HealthResponse.NO_MODEL

        await service.LoadModel(voice_pb2.LoadModelRequest(model="fake"), FakeContext())
        (model,) = (await service.ListModels(voice_pb2.ListModelsRequest(), FakeContext())).models
        assert (model.is_resident, model.native_sample_rate, model.voices[0].name) == (True, 24000, "anna")
        for ask, message in (
            (service.LoadModel, voice_pb2.LoadModelRequest(model="nope")),
            (service.UnloadModel, voice_pb2.UnloadModelRequest(model="nope")),
        ):
            unknown = FakeContext()
            with pytest.raises(Aborted):
                await ask(message, unknown)
            assert unknown.status[0] is grpc.StatusCode.NOT_FOUND

    run(engine=FakeEngine(is_gated=True))


def test_draining_lets_running_ones_finish_and_takes_nothing_new() -> None:
    """E5 for the voice plane."""

    @staged
    async def run(stage: Stage) -> None:
        context, task = stage.begin()
        await asyncio.sleep(0)
        drain = asyncio.create_task(stage.service.drain(SOON_S))
        await asyncio.sleep(0)
        assert (await stage.speak("s2")).status[0] is grpc.StatusCode.UNAVAILABLE
        assert (await stage.health()).status == voice_pb2.HealthResponse.DRAINING
        stage.engine.let(1000)
        assert await asyncio.wait_for(drain, SOON_S) is True
        await task
        assert context.frames[-1].is_final

    run(engine=FakeEngine(is_gated=True))


def test_health_has_the_figures_that_routing_needs() -> None:
    """D5: real time factor and latency, as medians of the last syntheses."""

    @staged
    async def run(stage: Stage) -> None:
        before = await stage.health()
        await stage.speak()
        after = await stage.health()
        assert (before.first_frame_p50_ms, before.rtf_p50) == (0.0, 0.0)
        assert after.first_frame_p50_ms > 0.0
        assert 0.0 < after.rtf_p50 < 1.0
        assert (after.max_sessions, list(after.resident_models)) == (2, ["fake"])

    run()


def test_the_real_time_factor_is_what_the_engine_has_spent() -> None:
    """Ten steps of 50 ms that cost 20 ms each, however long they were waited for: the wait is nobody's computing."""

    @staged
    async def run(stage: Stage) -> None:
        context, task = stage.begin()
        await asyncio.sleep(0.5)
        stage.engine.let(1000)
        await asyncio.wait_for(task, SOON_S)
        assert context.frames[-1].is_final
        assert 0.4 <= (await stage.health()).rtf_p50 < 0.5

    run(engine=FakeEngine(is_gated=True, step_costs_s=0.02))


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_synthesis_that_did_not_end_says_nothing_of_the_real_time_factor(how: str) -> None:
    """Its computing was spent on audio that nobody counted."""

    @staged
    async def run(stage: Stage) -> None:
        stage.engine.let(3)
        context, task = stage.begin()
        async with asyncio.timeout(SOON_S):
            while not context.frames:
                await asyncio.sleep(0.005)
        if how == "cancelled":
            await stage.cancel()
        stage.engine.let(1000)
        with pytest.raises(Aborted):
            await asyncio.wait_for(task, SOON_S)
        await stage.until_idle()
        assert (await stage.health()).rtf_p50 == 0.0

    run(engine=FakeEngine(is_gated=True, fails_at=5 if how == "failed" else None))


def test_a_used_resampler_carries_nothing_into_the_next_synthesis() -> None:
    """It is lent again after a cancelled text, and must then be as new."""
    resamplers, loud = Resamplers(), np.full(5000, 20000, np.int16)
    with resamplers.lend(22050, 8000) as used:
        fresh = np.concatenate((used.process(loud), used.flush()))
    with pytest.raises(RuntimeError), resamplers.lend(22050, 8000) as cancelled:
        cancelled.process(loud[:777])
        raise RuntimeError("cancelled")
    with resamplers.lend(22050, 8000) as again, resamplers.lend(22050, 8000) as other:
        assert again is used
        assert other is not again
        assert np.array_equal(np.concatenate((again.process(loud), again.flush())), fresh)


class Listening(FakeEngine):
    """Remembers what it was asked to say."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.heard: list[str] = []

    def synthesize(self, text: str, voice: str, should_stop: Any, spend: Any = not_counted) -> Any:
        self.heard.append(text)
        return super().synthesize(text, voice, should_stop, spend)


def test_an_engine_gets_words() -> None:
    """In the language of the voice, whatever the request says of languages."""
    engine = Listening(voices=(VoiceInfo("anna", "de"), VoiceInfo("bob", "en-gb")))

    @staged
    async def run(stage: Stage) -> None:
        await stage.speak("s1", text="# Hallo 🙂\n5 €", voice="anna", language="en")
        await stage.speak("s2", text="It is **$5** on 3/4/2026", voice="bob")
        assert engine.heard == ["Hallo. fünf Euro", "It is five dollars on April third, twenty twenty-six"]

    run(engine=engine)


def test_a_composed_voice_speaks_the_language_of_the_one_it_is_made_of() -> None:
    """ "anna+f3" is anna's."""
    engine = Listening(voices=(VoiceInfo("anna", "de"),))
    engine.has_voice = lambda name: name.startswith("anna")  # type: ignore[method-assign]

    @staged
    async def run(stage: Stage) -> None:
        await stage.speak("s1", text="5 €", voice="anna+f3")
        await stage.speak("s2", text="5 €", voice="anna#2")
        assert engine.heard == ["fünf Euro"] * 2

    run(engine=engine)


@pytest.mark.parametrize("text", ["🙂", "...", "**", "<>"])
def test_a_text_without_a_word_is_one_silent_frame(text: str) -> None:
    """The engine is not asked, and the figures do not count it as speech."""
    engine = Listening()

    @staged
    async def run(stage: Stage) -> None:
        context = await stage.speak(text=text)
        (frame,) = context.frames
        assert (frame.is_final, frame.audio_data) == (True, bytes(320))
        assert (engine.heard, (await stage.health()).rtf_p50) == ([], 0.0)

    run(engine=engine)


def test_a_soft_voice_is_as_loud_as_any_from_its_second_text_on() -> None:
    """The first one teaches its level; the gain is there from the next one's first frame."""

    class Soft(FakeEngine):
        def synthesize(self, text: str, voice: str, should_stop: Any, spend: Any = not_counted) -> Any:
            for samples in super().synthesize(text, voice, should_stop):
                yield samples // 5

    @staged
    async def run(stage: Stage) -> None:
        await stage.speak("s1")
        context = await stage.speak("s2", sample_rate=24000)
        pcm = np.frombuffer(context.frames[0].audio_data, np.int16)
        assert np.sqrt(np.mean(pcm.astype(float) ** 2)) == pytest.approx(3277, rel=0.05)

    run(engine=Soft())
