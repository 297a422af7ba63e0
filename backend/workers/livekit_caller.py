"""One agent in one LiveKit room, a process of its own: `python -m backend livekit-join`.

Owns its call like a web worker owns the calls it holds, over the same stores; the installation's settings must be in its
environment. Ends with the room: exit code 0, or 1 when nobody was let in or the room could not be joined. SIGTERM ends the
call politely first. Decides nothing about the call.
"""

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()  # before anything else is imported

import os
import signal
import sys

import gevent
import structlog

from backend import logs
from backend.call.events import CallHungUp
from backend.errors import SettingsError
from backend.session.socket_call import CallRefused
from backend.settings import load_settings
from backend.transports.livekit import LiveKitStream
from backend.transports.native_loop import NativeLoop
from backend.web.worker import Worker, new_worker_id

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

URL, TOKEN = "LIVEKIT_URL", "LIVEKIT_TOKEN"
"""Read from the environment: a token on the command line is everybody's to see."""
DRAIN_S = 20.0


def join(worker: Worker, agent_id: str, stream: LiveKitStream) -> bool:
    """Talk until the room is left. False: nobody was let in, or the room could not be joined."""
    try:
        call = worker.socket_calls.open("livekit", agent_id, stream, lambda: stream.has_sent_audio)
    except CallRefused as refusal:
        log.error("not_let_in", code=refusal.code, reason=str(refusal))
        return False
    call_control_id = call.session.call_control_id
    log.info("joining", call_control_id=call_control_id, hears_audio=call.hears_audio)
    stream.pump(call.session)
    worker.socket_calls.over(call_control_id, call.session, CallHungUp("room_left", "caller"))
    return stream.end_reason == "left"


def main() -> None:
    from backend.app import make_call_services, start_voices

    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    agent_id, url, token = sys.argv[1], os.environ[URL], os.environ[TOKEN]
    worker_id = new_worker_id(os.getpid())
    logs.configure(settings.log_level, worker=worker_id, secrets=[*settings.secret_values(), token])
    services = make_call_services(settings, worker_id)
    worker = Worker(
        services,
        max_live_calls=settings.max_calls_per_worker * settings.web_concurrency,
        max_connections=settings.client_max_connections,
    )
    start_voices(services)
    worker.start()
    gevent.signal_handler(signal.SIGTERM, lambda: gevent.spawn(worker.drain, DRAIN_S))
    loop = NativeLoop()
    is_well = join(worker, agent_id, LiveKitStream(url, token, services.clock, worker.ticker, loop))
    worker.drain(DRAIN_S)
    worker.stop()
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
