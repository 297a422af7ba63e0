"""Events as JSON, for the mailbox: the class name and the fields, nothing written by hand per event."""

import dataclasses
import json
from typing import Any

from backend.call import events
from backend.call.events import Event
from backend.errors import MalformedMessage

EVENT_CLASSES: dict[str, type[Event]] = {
    name: found
    for name, found in vars(events).items()
    if isinstance(found, type) and issubclass(found, Event) and found is not Event
}


def build_event(event: Event) -> dict[str, Any]:
    """A JSON object. Raises KeyError for a class that is not in `call/events.py`: a bug."""
    name = type(event).__name__
    if EVENT_CLASSES[name] is not type(event):
        raise KeyError(name)
    return {"event": name, **{field.name: getattr(event, field.name) for field in dataclasses.fields(event)}}


def parse_event(message: Any) -> Event:
    """The event again. Fields that this version does not know are dropped (a newer worker may have written them)."""
    if not isinstance(message, dict):
        raise MalformedMessage("an event must be an object")
    found = EVENT_CLASSES.get(str(message.get("event")))
    if found is None:
        raise MalformedMessage(f"no event of the name {message.get('event')!r}")
    names = {field.name for field in dataclasses.fields(found)}
    try:
        return found(**{name: value for name, value in message.items() if name in names})
    except TypeError as error:
        raise MalformedMessage(f"{found.__name__}: {error}") from error


def dumps(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
