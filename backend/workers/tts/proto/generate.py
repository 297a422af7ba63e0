"""Regenerate voice_pb2.py, voice_pb2.pyi and voice_pb2_grpc.py: `python -m backend.workers.tts.proto.generate`.

The compiler runs from the repository root and is given the file by its path there. That alone makes the generated
modules import each other as backend.workers.tts.proto.…. The one thing added to what the compiler gives is a first line
for mypy, whose strictness the generated code does not meet.
"""

import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
SOURCE = Path("backend/workers/tts/proto/voice.proto")
FIRST_LINE = "# mypy: ignore-errors\n"
GENERATED = ("voice_pb2.py", "voice_pb2.pyi", "voice_pb2_grpc.py")


def generate(into: Path) -> list[Path]:
    """Write the generated files below `into`, at the same path as in the repository; gives their paths."""
    from grpc_tools import protoc  # a development requirement: the running product never compiles

    status = protoc.main(
        [
            "protoc",
            f"--proto_path={ROOT}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            f"--grpc_python_out={into}",
            str(ROOT / SOURCE),
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}")
    paths = [into / SOURCE.parent / name for name in GENERATED]
    for path in paths:
        path.write_text(FIRST_LINE + path.read_text())
    return paths


if __name__ == "__main__":
    for path in generate(ROOT):
        print(path.relative_to(ROOT), file=sys.stderr)
