"""The same job done by Pipecat, with its own parts: FastAPI transport, its serializer, its Silero. Runs in .venv-bench."""

import asyncio
import sys

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, OutputAudioRawFrame, StartFrame, VADUserStartedSpeakingFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

logger.remove()
app = FastAPI()
edges = [0]
TONE = (8000 * np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)).astype(np.int16).tobytes()


class Mouth(FrameProcessor):
    """Says one second of tone each second, as a voice would; the output transport cuts and paces it."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.create_task(self._speak())
        if isinstance(frame, VADUserStartedSpeakingFrame) and direction == FrameDirection.DOWNSTREAM:
            edges[0] += 1
        await self.push_frame(frame, direction)

    async def _speak(self) -> None:
        await asyncio.sleep(0.1)
        while True:
            await self.push_frame(OutputAudioRawFrame(audio=TONE, sample_rate=8000, num_channels=1))
            await asyncio.sleep(1)


@app.websocket("/media")
async def media(websocket: WebSocket) -> None:
    await websocket.accept()
    for _ in range(2):
        await websocket.receive_text()
    serializer = TelnyxFrameSerializer(
        "s", "PCMU", "PCMU", params=TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=2, serializer=serializer
    )
    transport = FastAPIWebsocketTransport(websocket, params)
    parts = [transport.input(), VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=8000)), Mouth()]
    worker = PipelineWorker(
        Pipeline([*parts, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
        enable_turn_tracking=False,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(transport: object, client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


@app.get("/edges")
async def count_edges() -> dict[str, int]:
    return {"edges": edges[0]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", loop="uvloop")
