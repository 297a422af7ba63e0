"""Which engines are resident and which voice is whose."""

import asyncio
from typing import Any

import pytest

from backend.workers.tts.adapter import VoiceInfo
from backend.workers.tts.engines import Engines, ModelInUse, UnknownModel
from tests.workers.tts.fake_engine import FakeEngine

VOICES = [VoiceInfo("anna", "de"), VoiceInfo("bob", "en-GB"), VoiceInfo("carl", "en-US"), VoiceInfo("dora", "fr-FR")]


def loaded(**adapters: Any) -> Any:
    engines = Engines(adapters)
    for name in adapters:
        asyncio.run(engines.load(name))
    return engines


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("de", "anna"),
        ("de-AT", "anna"),
        ("en-us", "carl"),
        ("en", "bob"),
        ("", "bob"),
        ("fr", "dora"),
        ("fr-CA-x-old", "dora"),
        ("xx", None),
    ],
)
def test_a_language_finds_its_best_voice(language: str, voice: str) -> None:
    """The tag itself, a more exact one, then the tag without its last part."""
    assert loaded(fake=FakeEngine(voices=VOICES)).voice_for_language(language) == voice


def test_the_first_configured_engine_that_has_a_voice_speaks_it() -> None:
    """Order is preference; an unloaded engine has no voices."""
    first, second = FakeEngine(voices=VOICES), FakeEngine(voices=VOICES)
    engines = loaded(first=first, second=second)

    assert engines.with_voice("bob").adapter is first
    asyncio.run(engines.unload("first"))
    assert engines.with_voice("bob").adapter is second
    assert engines.resident == ["second"]


def test_loading_twice_loads_once() -> None:
    """Also when both ask at the same time."""
    fake = FakeEngine()
    engines = Engines({"fake": fake})

    async def run() -> None:
        await asyncio.gather(engines.load("fake"), engines.load("fake"))

    asyncio.run(run())
    assert fake.loads == 1


def test_a_model_that_speaks_is_not_unloaded() -> None:
    """Its memory is in use."""
    engines = loaded(fake=FakeEngine())
    engines.with_voice("anna").in_use = 1

    with pytest.raises(ModelInUse, match="in use by 1"):
        asyncio.run(engines.unload("fake"))
    assert engines.resident == ["fake"]


def test_an_unknown_model_is_named_in_the_refusal() -> None:
    """With the ones that exist."""
    engines = loaded(fake=FakeEngine())

    for ask in (engines.load, engines.unload):
        with pytest.raises(UnknownModel, match=r"'nope'.*fake"):
            asyncio.run(ask("nope"))


@pytest.mark.parametrize(
    ("chosen", "language", "voice"),
    [
        (["carl"], "en", "carl"),
        (["carl"], "en-gb", "bob"),
        (["carl", "bob"], "en", "carl"),
        (["anna"], "en", "bob"),
        (["dora"], "fr-CA", "dora"),
    ],
)
def test_a_default_voice_speaks_for_its_language_and_for_no_other(chosen: list[str], language: str, voice: str) -> None:
    """TTS_DEFAULT_VOICES; of two for one language, the first."""
    engines = Engines({"fake": FakeEngine(voices=VOICES)}, chosen)
    asyncio.run(engines.load("fake"))

    assert engines.voice_for_language(language) == voice
    assert engines.unknown_defaults() == []


def test_a_default_voice_that_nobody_has_is_known_by_name() -> None:
    """The worker does not start with it."""
    assert Engines({}, ["anna", "nobody"]).unknown_defaults() == ["anna", "nobody"]
