"""gunicorn's settings. The first line patches the standard library, before anything else is imported.

Master: reads the settings, prepares data folder, database and API key, loads the application once (workers share its
memory). Worker: makes its connections after the fork (`backend.app.start_worker`). No `max_requests` (it would end
calls), no `reuse_port` (it would send webhooks to a busy worker), no control socket.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402  after patching, on purpose
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402

from backend.engines.turn_model import check_turn_model  # noqa: E402
from backend.errors import BackendError  # noqa: E402
from backend.settings import load_settings  # noqa: E402

try:
    _settings = load_settings(os.environ)
    check_turn_model(_settings.turn_detector)
except BackendError as error:
    sys.exit(str(error))
try:
    # Here, before the metrics make their folder inside: it is its owner's alone.
    _settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    sys.exit(f"DATA_DIR: the folder {_settings.data_dir.absolute()} cannot be made ({error.strerror})")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_settings.metrics_dir)

from backend import logs, metrics  # noqa: E402  metrics looks at the environment when it is imported

logs.configure(_settings.log_level, worker="master", secrets=_settings.secret_values())

wsgi_app = "backend.app:create_app()"
bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "backend.web.gunicorn_worker.OffhookWorker"
worker_connections = 2000
preload_app = True
timeout = 30
graceful_timeout = _settings.graceful_timeout_s + 5
keepalive = 75
control_socket_disable = True
accesslog = None
logger_class = "backend.web.gunicorn_log.JsonLogger"


def on_starting(server):  # type: ignore[no-untyped-def]
    """Once, in the master: everything that several workers must not race for."""
    # In a process of its own: what it opens (connections, threads) must not be inherited by the workers.
    done = subprocess.run([sys.executable, "-m", "backend.web.prepare"], check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    metrics.clear_directory(_settings.metrics_dir)


def when_ready(server):  # type: ignore[no-untyped-def]
    """In the master, when the application is loaded and no worker is forked yet: what is there now stays for ever. The
    garbage collector of a worker would go through all of it again and again (0.2 s here, in which no call is served)
    and, by writing to it, give each worker a copy of its own (74 MB)."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    """In each worker, after the fork."""
    worker.start_offhook()
    gc.freeze()
    gc.collect()  # of nothing: the collector waits with a full round in proportion to what the last one left


def child_exit(server, worker):  # type: ignore[no-untyped-def]
    """In the master, when a worker has gone, however it went."""
    metrics.worker_gone(worker.pid, _settings.metrics_dir)
