"""The carrier's side of the media benchmark: N calls over WebSockets, 20 ms PCMU frames both ways, from one process.

Nearly free on purpose: frames are prepared, masks are zero, what comes back is only counted. Knows nothing of who is at
the other end. Prints one JSON line: frames sent and received per call-second.

    python -m tests.bench.media_load PORT PATH CALLS SECONDS SPEECH.ulaw
"""

import base64
import json
import os
import selectors
import socket
import struct
import sys
import time
from pathlib import Path

FRAME = 160


def text_frame(text: str) -> bytes:
    data = text.encode()
    head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else b"\x81\xfe" + struct.pack(">H", len(data))
    return head + bytes(4) + data


class Call:
    """One call's socket."""

    def __init__(self, port: int, path: str, number: int, audio: list[str]) -> None:
        self.audio, self.position, self.sent, self.received_bytes, self.received = audio, number * 37, 0, 0, 0
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(1)
        if b" 101 " not in answer[:20]:
            raise RuntimeError(answer.decode())
        media_format = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
        start = {"call_control_id": "v3:bench", "media_format": media_format}
        self.socket.sendall(text_frame('{"event":"connected","version":"1.0.0"}'))
        self.socket.sendall(text_frame(json.dumps({"event": "start", "stream_id": f"s{number}", "start": start})))
        self.socket.setblocking(False)

    def send_frame(self) -> None:
        chunk = self.sent = self.sent + 1
        payload = self.audio[(self.position + chunk) % len(self.audio)]
        self.socket.send(
            text_frame(
                f'{{"event":"media","sequence_number":"{chunk + 1}","stream_id":"bench","media":{{"track":"inbound",'
                f'"chunk":"{chunk}","timestamp":"{chunk * 20}","payload":"{payload}"}}}}'
            )
        )

    def drain(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        self.received_bytes += len(data)
        self.received += data.count(b'"payload"')


def main(port: int, path: str, count: int, seconds: float, speech: Path) -> None:
    encoded = speech.read_bytes()
    audio = [base64.b64encode(encoded[i : i + FRAME]).decode() for i in range(0, len(encoded) - FRAME + 1, FRAME)]
    calls = [Call(port, path, number, audio) for number in range(count)]
    selector = selectors.DefaultSelector()
    for call in calls:
        selector.register(call.socket, selectors.EVENT_READ, call)
    began_at = time.monotonic()
    due = [(began_at + 0.02 * number / count, call) for number, call in enumerate(calls)]
    place = 0
    while (now := time.monotonic()) - began_at < seconds:
        due_at, call = due[place]
        if now >= due_at:
            call.send_frame()
            due[place] = (due_at + 0.02, call)
            place = (place + 1) % count
            continue
        for key, _ in selector.select(due_at - now):
            key.data.drain()
    call_seconds = count * seconds
    for call in calls:
        call.socket.close()
    print(
        json.dumps(
            {
                "sent_per_s": sum(call.sent for call in calls) / call_seconds,
                "received_per_s": sum(call.received for call in calls) / call_seconds,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
