"""The committed protocol code."""

from pathlib import Path

from backend.workers.tts.proto.generate import GENERATED, ROOT, SOURCE, generate
from backend.workers.tts.proto.voice_pb2 import DESCRIPTOR


def test_the_committed_code_is_what_the_compiler_gives_now(tmp_path: Path) -> None:
    """Change voice.proto, run `python -m backend.workers.tts.proto.generate`, commit both."""
    for name, fresh in zip(GENERATED, generate(tmp_path), strict=True):
        assert (ROOT / SOURCE.parent / name).read_text() == fresh.read_text()


def test_the_audio_frame_has_exactly_the_agreed_fields() -> None:
    """D1."""
    fields = [field.name for field in DESCRIPTOR.message_types_by_name["AudioFrame"].fields]

    assert DESCRIPTOR.package == "offhook.voice.v1"
    assert fields == [
        "session_id",
        "audio_data",
        "sample_rate",
        "frame_duration_ms",
        "sequence_number",
        "is_final",
        "words",
    ]
