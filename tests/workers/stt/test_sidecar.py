"""The whole sidecar: loading, health, shutting down, a model that hangs."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backend.errors import SettingsError
from backend.workers.stt import sidecar as module
from backend.workers.stt.recogniser import RecogniserBroken
from tests.workers.stt.fake_recogniser import FIRST, HANGS
from tests.workers.stt.sidecars import TOKEN, audio, running

pytestmark = pytest.mark.live


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def test_until_the_model_is_loaded_health_is_503_and_nobody_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client with the right token is asked to come later; the wrong one learns nothing of it."""
    monkeypatch.setenv("FAKE_LOAD_S", "2")

    async def story() -> None:
        async with running(tmp_path, monkeypatch, wait=False) as sidecar:
            while (found := await sidecar.health())[0] == 0:
                await asyncio.sleep(0.01)
            assert found == (503, {"status": "loading", "recogniser": "fake", "sessions": 0, "seats": 2})
            async with sidecar.client() as client:
                await client.say("auth", token=TOKEN)
                assert await client.close_code() == 1013
            async with sidecar.client() as client:
                await client.say("auth", token="wrong")
                assert await client.close_code() == 1008
            while (found := await sidecar.health())[0] == 503:
                await asyncio.sleep(0.01)
            assert found == (200, {"status": "ready", "recogniser": "fake", "sessions": 0, "seats": 2})
            async with sidecar.client() as client:
                await client.start()
                assert (await sidecar.health())[1]["sessions"] == 1

    run(story)


def test_a_model_that_cannot_be_loaded_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the recogniser's own words."""
    monkeypatch.setenv("FAKE_LOAD_S", "never")

    async def story() -> None:
        with pytest.raises(RecogniserBroken, match="there is no model"):
            async with running(tmp_path, monkeypatch, wait=False) as sidecar:
                await sidecar._task

    run(story)


def test_a_port_that_is_taken_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never shared with another process."""

    async def story() -> None:
        async with running(tmp_path, monkeypatch) as sidecar:
            with pytest.raises(SettingsError, match=rf"cannot listen on 127.0.0.1:{sidecar.port} \(Address already"):
                await module.Sidecar(sidecar.sidecar._settings).run(asyncio.Event())

    run(story)


def test_shutting_down_everybody_gets_the_last_words_and_1001(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who speaks, the one who has not begun, the one at the door; and nobody new is let in."""

    async def story() -> None:
        async with running(tmp_path, monkeypatch, seats=5) as sidecar:
            async with sidecar.client() as speaking, sidecar.client() as seated, sidecar.client() as at_the_door:
                await speaking.start()
                await speaking.send(audio(samples=FIRST + 100))
                await speaking.hear("transcript")
                await seated.say("auth", token=TOKEN)
                await seated.hear("ready")
                assert await sidecar.stop() is True
                assert await speaking.close_code() == 1001
                assert await seated.close_code() == 1001
                assert await at_the_door.close_code() == 1001
                assert speaking.texts(final=True) == ["w1 w2"]
                with pytest.raises(OSError):
                    async with sidecar.client():
                        pass
            assert sidecar.recogniser.closed == sidecar.recogniser.opened == 1
            assert not sidecar.recogniser.is_loaded

    run(story)


def test_a_crowd_without_a_seat_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers that open connections and say nothing; /health still answers, and after two seconds all are gone."""
    monkeypatch.setattr(module, "MOST_WITHOUT_SEAT", 5)

    async def story() -> None:
        async with running(tmp_path, monkeypatch, seats=1) as sidecar:
            crowd = [sidecar.client() for _ in range(6)]
            strangers = [await each.__aenter__() for each in crowd]
            with pytest.raises(Exception, match="503"):
                async with sidecar.client():
                    pass
            assert (await sidecar.health())[0] == 200
            assert [await stranger.close_code() for stranger in strangers] == [1008] * 6
            for each in crowd:
                await each.__aexit__(None, None, None)
            async with sidecar.client() as client:
                await client.start()

    run(story)


def test_other_requests_get_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures on /metrics; a browser that comes by mistake is told so."""

    def get(url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def story() -> None:
        async with running(tmp_path, monkeypatch) as sidecar:
            async with sidecar.client() as client:
                await client.start()
                await client.send(audio(samples=FIRST))
                await client.hear("transcript")
                status, page = await asyncio.to_thread(get, f"http://127.0.0.1:{sidecar.port}/metrics")
            assert status == 200
            assert "offhook_stt_sessions 1.0" in page
            assert "offhook_stt_audio_seconds_total 0.08" in page
            assert (await asyncio.to_thread(get, f"http://127.0.0.1:{sidecar.port}/"))[0] == 426

    run(story)


def test_a_model_that_hangs_is_seen_and_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First /health says so, later `run` gives up by itself; the clients are not kept."""
    monkeypatch.setattr(module, "STUCK_S", 1)
    monkeypatch.setattr(module, "LOST_S", 3)
    monkeypatch.setattr(module, "DRAIN_S", 1.0)
    monkeypatch.setattr(module, "UNLOAD_S", 0.2)

    async def story() -> None:
        async with running(tmp_path, monkeypatch) as sidecar, sidecar.client() as client:
            await client.start()
            await client.send(audio(HANGS, FIRST))
            while (found := await sidecar.health())[0] == 200:
                await asyncio.sleep(0.05)
            assert found[1]["status"] == "hangs"
            assert await asyncio.wait_for(sidecar._task, 20) is False
            assert await client.close_code() in (1001, 1006)

    run(story)
