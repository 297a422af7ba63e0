"""Reads the settings of an installation from where they may stand, and names every wrong one at once.

The order of the sources is in the package's docstring. Decides nothing about a value: what is allowed stands beside each
setting.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from backend.errors import SettingsError
from backend.settings.settings import Settings, allowed, is_secret

CONFIG_FILE = "offhook.yaml"


def load_settings(environ: Mapping[str, str], *, working_dir: Path | None = None) -> Settings:
    """Read all sources, in the order of the module's docstring. Raises SettingsError naming every wrong field."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    config = environ.get("OFFHOOK_CONFIG", "")
    path = Path(config) if config else (working_dir or Path.cwd()) / CONFIG_FILE
    if config or path.exists():
        values.update(_known(_read_yaml(path, problems), str(path), problems))
    secrets = environ.get("OFFHOOK_SECRETS_FILE", "")
    if secrets:
        values.update(_known(_read_secrets(Path(secrets), problems), secrets, problems))
    values.update({name: environ[name.upper()] for name in Settings.model_fields if environ.get(name.upper())})
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += _describe(error)
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
        try:
            # What is only checked when every field is right: look again with the wrong ones left out.
            Settings(**{name: value for name, value in values.items() if name not in wrong})
        except ValidationError as second:
            more = [line for line in _describe(second) if line.split(":")[0].lower() not in wrong]
            problems += [line for line in more if line not in problems]
    if problems:
        raise SettingsError("\n".join(["wrong settings:", *problems]))
    return settings


def require_for_web(settings: Settings) -> None:
    """What the web processes cannot run without, in any environment. Raises SettingsError."""
    if not settings.telnyx_public_key:
        raise SettingsError(
            "wrong settings:\nTELNYX_PUBLIC_KEY: must be set for the web processes, or no webhook could be trusted"
        )


def _read_yaml(path: Path, problems: list[str]) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        problems.append(f"{path}: is not valid YAML")  # the parser's message quotes the line, which may hold a secret
    else:
        if content is None:
            return {}
        if isinstance(content, dict):
            return content
        problems.append(f"{path}: must hold names and values, NAME: value")
    return {}


def _read_secrets(path: Path, problems: list[str]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        problems.append(f"{path}: cannot be read (OFFHOOK_SECRETS_FILE)")
        return found
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            problems.append(f"{path}, line {number}: must be NAME=value")
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name.strip()] = value
    return found


def _known(content: dict[Any, Any], where: str, problems: list[str]) -> dict[str, Any]:
    names = {name.upper(): name for name in Settings.model_fields}
    for key in content:
        if key not in names:
            problems.append(f"{where}: {str(key)[:80]!r} is not a setting")
    return {names[key]: value for key, value in content.items() if key in names and value not in (None, "")}


def _describe(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if not item["loc"]:
            lines += message.split("\n")
            continue
        name = str(item["loc"][0])
        info = Settings.model_fields.get(name)
        shown = "(not shown)" if info is None or is_secret(info) else repr(item["input"])[:120]
        limits = allowed(info) if info else ""
        if message.startswith("allowed: ") or not limits:
            lines.append(f"{name.upper()}: {shown} is wrong; {message}")
        else:
            lines.append(f"{name.upper()}: {shown} is wrong; allowed: {limits}")
    return lines
