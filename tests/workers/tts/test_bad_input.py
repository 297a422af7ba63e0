"""Bad input over real gRPC, with espeak-ng: a typed error, or something sensible is spoken; the next text always is."""

import pytest

from tests.workers.tts.processes import run_client, voice_server

pytestmark = pytest.mark.live

SCRIPT = """
voice = tts(arguments[0])
def outcome(text="Hello there.", **fields):
    try:
        frames = list(voice.synthesize(ask(text, **fields)))
    except EngineError as error:
        said = f"{type(error).__name__}: {error}"
    else:
        seconds = sum(len(frame.pcm) / 2 / frame.sample_rate for frame in frames)
        said = [round(seconds, 2), sum(frame.is_final for frame in frames), any(any(frame.pcm) for frame in frames)]
    # Whatever came, the same channel speaks the next text.
    assert list(voice.synthesize(ask()))[-1].is_final
    return said
result["hello"] = outcome()
result["refused"] = {
    "empty": outcome(""),
    "white space": outcome(" \\n\\t "),
    "control characters": outcome("\\x00\\x01\\x1b"),
    "too long": outcome("a " * 5001),
    "unknown voice": outcome(voice="nobody"),
    "unknown variant": outcome(voice="en-us+nobody"),
    "unknown language": outcome(voice="", language="xx"),
    "rate": outcome(sample_rate=44100),
    "short frames": outcome(frame_duration_ms=5),
    "long id": outcome(synthesis_id="x" * 200),
}
result["silent"] = {name: outcome(text) for name, text in {
    "emoji": "\U0001f642\U0001f44d\U0001f3fd", "dots": "...", "markup": "**", "brackets": "<>",
}.items()}
result["spoken"] = {name: outcome(text) for name, text in {
    "emoji in words": "Hello \U0001f642 there.",
    "control characters in words": "Hello\\x00 there.\\x07\\x1b",
    "tags": "<speak>Hello <break time='9s'/>there.</speak>",
    "only a tag": "<b>",
    "markdown": "# Hello\\n\\n- **there**",
    "money": "It costs $12.50.",
    "right to left": "\u0645\u0631\u062d\u0628\u0627",
    "one endless word": "x" * 300,
    "surrogate pairs": "Hello \U0001d41b\U0001d428\U0001d425\U0001d41d.",
}.items()}
frames = voice.synthesize(ask("This is one of very many. " * 384))
for _ in range(5):
    next(frames)
frames.close()
result["after ten thousand characters"] = outcome()
health = voice.health()
result["running"] = health.running
"""


def test_bad_input_is_refused_or_spoken_sensibly() -> None:
    """Issue 3: every kind, one after the other, over one channel; no slot stays taken, the log has none of the words."""
    with voice_server() as server:
        result = run_client(SCRIPT, server.address)
        outcomes = {line["outcome"] for line in server.lines if line["event"] == "synthesis.ended"}
        log = str(server.lines)

    assert {name: str(said).partition(":")[0] for name, said in result["refused"].items()} == dict.fromkeys(
        result["refused"], "EngineFailed"
    )
    assert "44100 Hz; allowed are 8000" in result["refused"]["rate"]
    assert "'nobody' is unknown" in result["refused"]["unknown voice"]
    assert "10002 characters; allowed are at most 10000" in result["refused"]["too long"]
    assert result["silent"] == dict.fromkeys(result["silent"], [0.02, 1, False])
    assert all(said[1:] == [1, True] and said[0] > 0.1 for said in result["spoken"].values()), result["spoken"]
    for same in ("emoji in words", "control characters in words", "tags"):
        assert result["spoken"][same][0] == pytest.approx(result["hello"][0], abs=0.5)
    assert result["after ten thousand characters"] == result["hello"]
    assert result["running"] == 0
    assert outcomes <= {"spoken", "dropped", "cancelled"}
    assert "endless" not in log and "Hello" not in log
