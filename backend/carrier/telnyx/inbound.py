"""Telnyx' requests to us, behind the carrier contract: webhooks are verified and parsed, media sockets opened."""

from collections.abc import Iterable, Mapping

from backend.carrier.base import OpenMediaStream, Webhook
from backend.carrier.telnyx import webhooks, wire
from backend.carrier.telnyx.media_stream import TelnyxMediaStream
from backend.clock import Clock
from backend.transports.wire_socket import WireSocket


class TelnyxInbound:
    """Implements CarrierInbound. `public_key`: base64 of 32 bytes; `stream_codec`: what `start_stream` asks for."""

    name = "telnyx"

    def __init__(self, public_key: str, stream_codec: str = wire.STREAM_CODEC) -> None:
        self._public_key = public_key
        self._stream_codec = stream_codec

    def verify(self, raw_body: bytes, headers: Iterable[tuple[str, str]], now_wall: float) -> None:
        webhooks.verify(raw_body, dict(headers), self._public_key, now_wall)

    def parse_webhook(self, raw_body: bytes) -> Webhook:
        return webhooks.parse_webhook(raw_body)

    def stream_token(self, headers: Mapping[str, str]) -> str:
        return headers.get(wire.STREAM_TOKEN_HEADER, "")

    def open_stream(self, socket: WireSocket, clock: Clock, call_control_id: str) -> OpenMediaStream:
        return TelnyxMediaStream(socket, clock, call_control_id=call_control_id, encoding=self._stream_codec)
