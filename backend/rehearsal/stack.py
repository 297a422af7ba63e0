"""The real product on this machine, started under supervisord on free loopback ports, in a folder of its own.

Decides nothing about the product: it sets the environment that `supervisord.conf` and the settings read, starts
supervisord, waits until /readyz is content, and stops everything again. What belongs to a stack is known by its session
(supervisord is started as a session leader), so that nothing is ever ended by its name, and a stack that stopped
can prove that nothing of it is left. Two stacks can run side by side.
"""

import os
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from backend.rehearsal.phrases import phrase_file, shipped_phrases
from backend.rehearsal.ports import PortReservation
from backend.web.secret_file import admin_password_file
from backend.workers.stt.phrase_book import Phrase

REPOSITORY = Path(__file__).resolve().parents[2]
_LONGEST_SOCKET_PATH = 100
_SILENT_AT_MOST_S = 5.0
"""Without a line for so long while a stack starts, a line says what it still waits for."""
_STT_SEATS = 64
_MOST_STARTS = 5
"""A program that was started more often before the stack is ready does not work."""
_READ_BY_US = ("TELNYX_", "OPENAI_", "OFFHOOK_", "TTS_", "STT_", "TURN_", "PROMETHEUS_")
"""Settings of the shell must not leak into a stack; what it needs is set below."""


class StackError(RuntimeError):
    """The stack did not start or did not stop; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class CarrierAccess:
    """The carrier that the product talks to."""

    base_url: str
    public_key: str
    api_key: str
    connection_id: str


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What a stack may differ in."""

    web_workers: int = 4
    barge_in: bool = False
    graceful_timeout_s: int = 5
    ready_within_s: float = 150.0
    run_root: Path = REPOSITORY / ".run"
    openai_api_key: str = ""
    """"": the scripted model answers."""
    openai_base_url: str = ""
    openai_model: str = ""
    port: int = 0
    """0: any free port."""
    stt_recogniser: str = "none"
    """What the STT sidecar hears with; none: it does not run."""
    phrases: tuple[Phrase, ...] = ()
    """What the recognisers scripted and sphinx hear besides the callers of all shipped scenarios."""
    rehearsals: bool = False
    """Whether runs that are asked for over the API are played."""
    environment: dict[str, str] = field(default_factory=dict)
    """Further settings; they win over everything here."""

    @classmethod
    def from_environment(cls, **changes: Any) -> "StackSettings":
        """The model as the shell has it, the rest by default."""
        wanted = {
            name: os.environ.get(name.upper(), "") for name in ("openai_api_key", "openai_base_url", "openai_model")
        }
        return cls(**{**wanted, **changes})


class Stack:
    """`base_url` and `api_key` are known at once; `start` returns when the product is ready."""

    def __init__(self, settings: StackSettings | None = None, say: Callable[[str], None] = print) -> None:
        self.settings = settings or StackSettings()
        self._output = say
        self.id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)
        self.folder = self.settings.run_root / self.id
        self._ports = PortReservation(self.settings.run_root / "ports")
        self.port = self.settings.port or self._ports.take()
        self._redis_port, self._tts_port, self._model_port, self._stt_port = (self._ports.take() for _ in range(4))
        self.api_key = secrets.token_urlsafe(24)
        self._stt_token = secrets.token_urlsafe(24)
        self.uses_scripted_model = not (self.settings.openai_api_key or self.settings.openai_base_url)
        self._socket_folder: tempfile.TemporaryDirectory[str] | None = None
        self._supervisord: subprocess.Popen[bytes] | None = None
        self._is_given_up = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self._redis_port}/0"

    @property
    def model_url(self) -> str:
        """The scripted model's address, "" where another model answers."""
        return f"http://127.0.0.1:{self._model_port}" if self.uses_scripted_model else ""

    @property
    def tts_address(self) -> str:
        """Of its own TTS worker."""
        return f"127.0.0.1:{self._tts_port}"

    @property
    def admin_password(self) -> str:
        """Of the console's first user, made by the start; "" once it was changed."""
        file = admin_password_file(self.folder / "data")
        return file.read_text(encoding="ascii").strip() if file.exists() else ""

    @property
    def recognises(self) -> bool:
        """Whether this stack has an STT sidecar."""
        return self.settings.stt_recogniser != "none"

    @property
    def _phrases_file(self) -> Path:
        return self.folder / "phrases.txt"

    @property
    def webhook_url(self) -> str:
        return f"{self.base_url}/webhooks/telnyx"

    @property
    def socket_path(self) -> Path:
        """Where supervisorctl talks to supervisord; Unix sockets allow about a hundred characters."""
        path = self.folder / "supervisor.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        if self._socket_folder is None:
            self._socket_folder = tempfile.TemporaryDirectory(prefix="offhook-")
        return Path(self._socket_folder.name) / "supervisor.sock"

    def environment(self, carrier: CarrierAccess) -> dict[str, str]:
        """What supervisord and all its programs see."""
        settings, data = self.settings, self.folder / "data"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_READ_BY_US)}
        own = {
            "PYTHON": sys.executable,
            "PYTHONUNBUFFERED": "1",
            "RUN_DIR": str(self.folder),
            "SUPERVISOR_SOCKET": str(self.socket_path),
            "REDIS_PORT": str(self._redis_port),
            "REDIS_DIR": str(self.folder / "redis"),
            "REDIS_AUTOSTART": "true",
            "MODEL_PORT": str(self._model_port),
            "MODEL_AUTOSTART": "true" if self.uses_scripted_model else "false",
            "REHEARSALS_AUTOSTART": "true" if settings.rehearsals else "false",
            "WEB_STOP_WAIT_S": str(settings.graceful_timeout_s + 10),
            "GRACEFUL_TIMEOUT_S": str(settings.graceful_timeout_s),
            "OFFHOOK_CONFIG": str(self.folder / "offhook.yaml"),
            "OFFHOOK_ENV": "development",
            "OFFHOOK_API_KEY": self.api_key,
            "DATA_DIR": str(data),
            "DATABASE_URL": f"sqlite:///{data / 'offhook.sqlite3'}",
            "REDIS_URL": self.redis_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": self.base_url,
            "WEB_CONCURRENCY": str(settings.web_workers),
            "TELNYX_API_KEY": carrier.api_key,
            "TELNYX_PUBLIC_KEY": carrier.public_key,
            "TELNYX_CONNECTION_ID": carrier.connection_id,
            "TELNYX_BASE_URL": carrier.base_url,
            "TTS_ADDRESS": self.tts_address,
            "TTS_PORT": str(self._tts_port),
            "STT_AUTOSTART": "true" if self.recognises else "false",
            "STT_RECOGNISER": settings.stt_recogniser,
            "STT_ADDRESS": f"127.0.0.1:{self._stt_port}" if self.recognises else "",
            "STT_PORT": str(self._stt_port),
            "STT_TOKEN": self._stt_token,
            "STT_MAX_CONCURRENT_SESSIONS": str(_STT_SEATS),
            "STT_PHRASES_FILE": str(self._phrases_file),
            "ENABLE_BARGE_IN": "1" if settings.barge_in else "0",
            "DIALS_PER_MINUTE": "10000",
            "OPENAI_API_KEY": settings.openai_api_key or "no-key-needed",
            "OPENAI_BASE_URL": settings.openai_base_url or (f"{self.model_url}/v1" if self.model_url else ""),
            "OPENAI_MODEL": settings.openai_model or ("scripted" if self.uses_scripted_model else ""),
        }
        return {**inherited, **own, **settings.environment}

    def start(self, carrier: CarrierAccess) -> None:
        """Starts everything and waits until the product is ready. Stops again and raises StackError if it is not."""
        environment = self.environment(carrier)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("data", "redis"):
            (self.folder / folder).mkdir(mode=0o700, exist_ok=True)
        phrases = phrase_file((*shipped_phrases(), *self.settings.phrases))
        self._phrases_file.write_text(phrases, encoding="utf-8")
        (self.folder / "offhook.yaml").write_text("", encoding="utf-8")
        self._write_env_file(environment)
        self._say(f"starting the stack in {self.folder}")
        with open(self.folder / "supervisord.out.log", "wb") as output:
            self._supervisord = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(REPOSITORY / "supervisord.conf")],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def give_up(self) -> None:
        """From another thread: a `start` under way ends at once, with StackError."""
        self._is_given_up.set()

    def stop(self) -> None:
        """Stops all of it and proves that nothing is left. Harmless when nothing runs."""
        process, self._supervisord = self._supervisord, None
        try:
            if process is not None:
                self._stop_session(process)
        finally:
            self._ports.release()
            if self._socket_folder is not None:
                self._socket_folder.cleanup()
                self._socket_folder = None

    def programs(self) -> dict[str, dict[str, Any]]:
        """Supervisord's view: name -> statename, pid, description … Empty while it does not answer."""
        try:
            with self._rpc() as rpc:
                infos: Any = rpc.supervisor.getAllProcessInfo()
        except (OSError, Fault):
            return {}
        return {str(info["name"]): info for info in infos}

    def restart(self, program: str) -> None:
        """As `supervisorctl restart` does it."""
        with self._rpc() as rpc:
            rpc.supervisor.stopProcess(program)
            rpc.supervisor.startProcess(program)

    def pids(self) -> list[int]:
        """All processes of this stack."""
        return session_members(self._supervisord.pid) if self._supervisord is not None else []

    def is_ready(self) -> bool:
        """What /readyz says, and /health of the STT sidecar where there is one."""
        return _is_ok(f"{self.base_url}/readyz") and (
            not self.recognises or _is_ok(f"http://127.0.0.1:{self._stt_port}/health")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        """A progress line. An output that is gone (`demo | head`) must not keep us from stopping what we started."""
        try:
            self._output(line)
        except (OSError, ValueError):
            pass  # nobody reads it any more

    def _rpc(self) -> ServerProxy:
        return ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, f"unix://{self.socket_path}"))

    def _write_env_file(self, environment: dict[str, str]) -> None:
        """For `supervisorctl` by hand: what differs from the shell, readable by its owner only."""
        path = self.folder / "env"
        lines = [f"{name}={shlex.quote(value)}" for name, value in environment.items() if os.environ.get(name) != value]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _wait_until_ready(self) -> None:
        begun, shown, starts = time.monotonic(), dict[str, str](), dict[str, set[int]]()
        said_at = begun
        while time.monotonic() - begun < self.settings.ready_within_s:
            assert self._supervisord is not None  # set by `start`
            if self._is_given_up.is_set():
                raise StackError("given up while it was starting")
            if self._supervisord.poll() is not None:
                raise StackError(f"supervisord ended:\n{_tail(self.folder / 'supervisord.out.log')}")
            for name, info in self.programs().items():
                state = str(info["statename"])
                if shown.get(name) != state:
                    shown[name] = state
                    if state not in ("STOPPED", "STARTING"):
                        said_at = time.monotonic()
                        self._say(f"  {said_at - begun:5.1f} s  {name} is {state.lower()}")
                starts.setdefault(name, set()).add(int(info["pid"]))
                if state == "FATAL" or len(starts[name] - {0}) > _MOST_STARTS:
                    raise StackError(f"{name} does not start:\n{self.tail(name)}")
            if self.is_ready():
                self._say(f"  {time.monotonic() - begun:5.1f} s  ready on {self.base_url}")
                return
            if time.monotonic() - said_at >= _SILENT_AT_MOST_S:
                said_at = time.monotonic()
                self._say(f"  {said_at - begun:5.1f} s  waiting: {self._readiness()}")
            time.sleep(0.2)
        raise StackError(
            f"not ready after {self.settings.ready_within_s:g} s: {self._readiness()}\nweb:\n{self.tail('web')}"
        )

    def tail(self, program: str, lines: int = 25) -> str:
        """The end of a program's output."""
        return "\n".join(_tail(self.folder / f"{program}.{stream}.log", lines) for stream in ("out", "err"))

    def _readiness(self) -> str:
        try:
            with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=2) as reply:
                return str(reply.read(2000).decode(errors="replace")).strip()
        except urllib.error.HTTPError as error:
            with error:
                return f"/readyz answers {error.code}: {error.read(2000).decode(errors='replace').strip()}"
        except (urllib.error.URLError, OSError) as error:
            return f"/readyz does not answer ({getattr(error, 'reason', error)})"

    def _stop_session(self, process: subprocess.Popen[bytes]) -> None:
        session = process.pid
        self._say("stopping the stack")
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(self.settings.graceful_timeout_s + 45)
            except subprocess.TimeoutExpired:
                self._say("  supervisord does not end: killing it")
                process.kill()
                process.wait()
        deadline = time.monotonic() + 3
        while session_members(session) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = session_members(session)
        for pid in left:
            self._say(f"  killing what was left over: {pid}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just ended
        deadline = time.monotonic() + 3
        while session_members(session):
            if time.monotonic() > deadline:
                raise StackError(f"processes are left over: {session_members(session)}")
            time.sleep(0.05)
        self._say("  nothing is left running")


def session_members(session: int) -> list[int]:
    """The processes of that session, zombies left out."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        state, sid = fields[0], int(fields[3])
        if sid == session and state not in ("Z", "X"):
            members.append(int(entry.name))
    return members


def _is_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(path: Path, lines: int = 25) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
