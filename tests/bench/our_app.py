"""Our media path for the benchmark: gunicorn's gevent worker, wire socket, codec, Silero, ticker as the writer.

Each call hears a tone for as long as it lives, encoded and sent frame by frame (`/media?frame_ms=20`) or in the longer
pieces that the product sends (`frame_ms=200`).
"""

import flask
import numpy as np

from backend.audio import g711
from backend.carrier.telnyx.media_stream import TelnyxMediaStream
from backend.clock import SystemClock
from backend.engines.vad_silero import SileroVad
from backend.transports.ticker import Ticker
from backend.transports.wire_socket import WireSocket, raw_response

app = flask.Flask(__name__)
clock = SystemClock()
vad = SileroVad(capacity=512)
ticker = Ticker(clock)
ticker.add(lambda now: vad.step())
edges = [0]

TONE = (8000 * np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)).astype(np.int16)


class Ear:
    """Caller audio to the voice activity detector, as the session does it."""

    def __init__(self) -> None:
        self.stream = vad.open()

    def on_started(self, encoding: str, sample_rate: int) -> None:
        pass

    def on_audio(self, encoded: bytes) -> None:
        self.stream.push(g711.decode_ulaw_bytes(encoded))

    def on_mark(self, name: str) -> None:
        pass

    def on_dtmf(self, digit: str) -> None:
        pass

    def on_stopped(self, reason: str) -> None:
        self.stream.close()


@app.route("/media", websocket=True)
def media() -> flask.Response:
    ticker.start()
    frames = int(flask.request.args.get("frame_ms", "20")) // 20
    stream = TelnyxMediaStream(WireSocket.accept(flask.request.environ), clock, call_control_id="v3:bench")
    ear, beats = Ear(), [0]

    def beat(now: float) -> None:
        edges[0] += len(ear.stream.edges())
        beats[0] += 1
        if beats[0] % frames == 0:
            stream.send_audio(g711.encode_ulaw(TONE[: 160 * frames]))

    registration = ticker.add(beat)
    try:
        stream.pump(ear)
    finally:
        registration.cancel()
    return raw_response()


@app.get("/edges")
def count_edges() -> dict[str, int]:
    return {"edges": edges[0], "chunks": vad.chunks_analysed, "missed": ticker.missed}
