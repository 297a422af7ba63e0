"""The blueprints that are part of the documented API, in one list. A new one is a line here."""

from flask_openapi3.blueprint import APIBlueprint

from backend.web import (
    api_after_call,
    api_agents,
    api_calls,
    api_live,
    api_program_keys,
    api_recordings,
    api_rehearsals,
    api_session,
    api_users,
    api_voices,
    health,
    metrics_page,
)
from backend.web.openapi import OffhookApp

BLUEPRINTS: tuple[APIBlueprint, ...] = (
    api_agents.blueprint,
    api_calls.blueprint,
    api_after_call.blueprint,
    api_rehearsals.blueprint,
    api_recordings.blueprint,
    api_session.blueprint,
    api_users.blueprint,
    api_voices.blueprint,
    api_program_keys.blueprint,
    api_live.blueprint,
    health.blueprint,
    metrics_page.blueprint,
)


def register_api(app: OffhookApp) -> None:
    """Put them on `app`. They need nothing but the services."""
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
