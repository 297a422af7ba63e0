"""The way to the SQL database: off the hub, in one transaction, with the database's excuses turned into our errors.

A SQLite or PostgreSQL driver blocks its thread. In a gevent worker that thread must not be the hub, so everything goes
through `off_hub`, to one real thread of our own. Not gevent's default pool: DNS and the voices' channels live there and
a locked database must not hold them up. And one thread, not several: SQLAlchemy's locks are gevent's after patching,
and when two real threads wait for the same one a wake-up can get lost (measured: with four threads, two runs of three
hung for ever). A transaction takes about a millisecond and a call makes three. Without gevent `off_hub` calls directly.

SQLite takes one writer at a time. Writing transactions begin as writers (BEGIN IMMEDIATE) and wait their turn; one that
began as a reader and wants to write would be refused at once, whatever the waiting time.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from backend.records.errors import RecordsUnavailable, UnstorableText

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
_THREADS = 1
_WRITES = "offhook_writes"

_pools: dict[int, Any] = {}
_in_pool: set[int] = set()


def off_hub(fn: Callable[[], T]) -> T:
    """Run `fn` where blocking harms nobody, wait for it, return or raise what it did."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return fn()
    native_thread: int = monkey.get_original("_thread", "get_ident")()
    if native_thread in _in_pool:
        return fn()

    def in_pool() -> tuple[T | None, BaseException | None]:
        ident = monkey.get_original("_thread", "get_ident")()
        _in_pool.add(ident)
        try:
            return fn(), None
        except BaseException as error:  # carried over by hand: gevent would also print it, values and all
            return None, error
        finally:
            _in_pool.discard(ident)

    result, error = _pool().apply(in_pool)
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _pool() -> Any:
    from gevent import get_hub
    from gevent.threadpool import ThreadPool

    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()  # of the process we were forked from: its threads are not here
        _pools[pid] = ThreadPool(_THREADS, hub=get_hub())
    return _pools[pid]


class Database:
    """One database. Safe to make before a fork: it connects on first use, and anew in every process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: Engine | None = None
        self._pid = 0
        self._lock = threading.Lock()

    def read(self, fn: Callable[[Session], T]) -> T:
        """`fn` in a transaction that only reads."""
        return off_hub(lambda: self._transaction(fn, writes=False))

    def write(self, fn: Callable[[Session], T]) -> T:
        """`fn` in a transaction: all of it is stored, or, when it raises, nothing."""
        return off_hub(lambda: self._transaction(fn, writes=True))

    def ping(self) -> None:
        """Raises RecordsUnavailable when the database does not answer."""
        self.read(lambda session: session.execute(text("SELECT 1")))

    def close(self) -> None:
        """Give the connections back."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
        self._engine = None

    def _transaction(self, fn: Callable[[Session], T], *, writes: bool) -> T:
        try:
            engine = self.engine().execution_options(**{_WRITES: writes})
            with Session(engine, expire_on_commit=False) as session, session.begin():
                return fn(session)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise RecordsUnavailable(f"the database did not take the work: {_reason(error)}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise RecordsUnavailable(f"the database went away: {_reason(error)}") from error
            raise

    def engine(self) -> Engine:
        """This process's engine."""
        if self._engine is None or self._pid != os.getpid():
            with self._lock:
                if self._engine is None or self._pid != os.getpid():
                    if self._engine is not None:
                        self._engine.dispose(close=False)  # the parent's connections are the parent's
                    self._engine = make_engine(self.url)
                    self._pid = os.getpid()
        return self._engine


def make_engine(url: str) -> Engine:
    """An engine with our habits: no values in error messages; a SQLite file and its folder are made if need be."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed, hide_parameters=True, pool_pre_ping=True, pool_size=1, max_overflow=4, pool_timeout=5
        )
    if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
        _make_file(parsed.database)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _habits(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_file(path: str) -> None:
    """What callers said is nobody else's business: a new folder and a new file are their owner's alone. SQLite gives the
    files beside it the same mode. What is there already keeps what its owner gave it."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        pass  # it is there, or cannot be made: then connecting says why


def reject_unstorable(value: object, where: str) -> None:
    """Raise UnstorableText when a string anywhere in `value` would not come back as it went in."""
    if isinstance(value, str):
        if "\x00" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise UnstorableText(where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            reject_unstorable(key, where)
            reject_unstorable(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            reject_unstorable(item, f"{where}.{index}")


def storable(text_: str) -> str:
    """`text_` with what cannot be stored replaced: for words that must not be lost, such as a transcript."""
    return text_.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _reason(error: Exception) -> str:
    # The driver's own words only: SQLAlchemy's message goes on with the statement and its values.
    return str(getattr(error, "orig", None) or type(error).__name__).split("\n")[0][:200]
