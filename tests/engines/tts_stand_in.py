"""A voice server that breaks the protocol as the voice's name says; a program of its own, like the real one.

Pieces of a voice's name, one message each: `data` `final` `marker` `invalid` `odd` `rate`, then how it goes on:
`end` (status OK, the default), `hang`, `fail-STATUS`, `flood` (invalid frames for ever). A leading `new` announces
"final-frame: data" as our own worker does.
"""

import asyncio
import sys
from typing import Any

import grpc

from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc

PCM = b"\x01\x02" * 160
MESSAGES: dict[str, dict[str, Any]] = {
    "data": {"audio_data": PCM},
    "final": {"audio_data": PCM, "is_final": True},
    "marker": {"is_final": True},
    "invalid": {},
    "odd": {"audio_data": PCM + b"\0"},
    "rate": {"audio_data": PCM, "sample_rate": 44100},
}


class StandIn(voice_pb2_grpc.VoiceServicer):
    """Plays its part and counts the streams that are open."""

    def __init__(self) -> None:
        self.running = 0

    async def Synthesize(self, request: Any, context: Any) -> None:
        self.running += 1
        try:
            parts = request.voice.split()
            if parts[0] == "new":
                parts.pop(0)
                await context.send_initial_metadata((("final-frame", "data"),))
            for part in parts:
                if part in MESSAGES:
                    message = {"sample_rate": request.sample_rate, **MESSAGES[part]}
                    await context.write(voice_pb2.AudioFrame(session_id=request.session_id, **message))
                elif part == "hang":
                    await asyncio.Event().wait()
                elif part == "flood":
                    while True:
                        await context.write(voice_pb2.AudioFrame())
                elif part.startswith("fail-"):
                    await context.abort(grpc.StatusCode[part.removeprefix("fail-")], "as told")
        finally:
            self.running -= 1

    async def Cancel(self, request: Any, context: Any) -> Any:
        return voice_pb2.CancelResponse()

    async def Health(self, request: Any, context: Any) -> Any:
        return voice_pb2.HealthResponse(status=voice_pb2.HealthResponse.SERVING, running=self.running)


async def main() -> None:
    server = grpc.aio.server()
    voice_pb2_grpc.add_VoiceServicer_to_server(StandIn(), server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f'{{"event": "tts.ready", "address": "127.0.0.1:{port}"}}', flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
