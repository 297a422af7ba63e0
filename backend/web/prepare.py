"""What must be done once, before several workers start: Redis is there and keeps what it is given, the database has the
present schema, an agent and an admin, the API key exists. `python -m backend.web.prepare`, run by gunicorn's master.
"""

import os
import sys
import time

import structlog

from backend import logs
from backend.clock import SystemClock
from backend.errors import BackendError, StoreError
from backend.records.agents import Agents
from backend.records.database import Database
from backend.records.migrate import migrate
from backend.records.users import Users
from backend.settings import Settings, load_settings
from backend.store.connection import check_policy, connect
from backend.web.api_key import read_or_make_api_key
from backend.web.first_admin import make_first_admin

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

WAIT_FOR_REDIS_S = 30.0


def prepare(settings: Settings) -> None:
    """Raises SettingsError, StoreError or RecordsUnavailable when the web processes cannot work."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _wait_for_redis(settings)
    migrate(settings.records_url)
    database = Database(settings.records_url)
    if Agents(database, SystemClock()).default_agent() is not None:
        log.info("demo_agent_made")
    make_first_admin(settings, Users(database, SystemClock()))
    database.close()
    read_or_make_api_key(settings)
    if not settings.openai_api_key.get_secret_value() and not settings.openai_base_url:
        log.warning("no_model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL; calls are answered but cannot think")


def _wait_for_redis(settings: Settings) -> None:
    give_up_at = time.monotonic() + WAIT_FOR_REDIS_S
    redis = connect(settings.redis_url, timeout_s=1.0)
    while True:
        try:
            check_policy(redis)
            return
        except StoreError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    try:
        chosen = load_settings(os.environ)
        logs.configure(chosen.log_level, worker="prepare", secrets=chosen.secret_values())
        prepare(chosen)
    except BackendError as error:
        sys.exit(str(error))
