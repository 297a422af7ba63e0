"""The settings as text: a table for the docs, and `deploy/env.example`. Both are made from the declarations alone."""

from pydantic import SecretStr

from backend.settings.settings import Settings, allowed, is_secret


def _rows() -> list[tuple[str, str, str, str, str]]:
    rows = []
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        kind = allowed(info) or ("secret" if is_secret(info) and info.annotation is SecretStr else "text")
        if info.annotation is bool:
            kind = "0 or 1"
        default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
        default = str(int(default)) if isinstance(default, bool) else str(default)
        rows.append((name.upper(), kind, default, str(extra.get("unit", "")), info.description or ""))
    return rows


def settings_table() -> str:
    """A Markdown table of all settings."""
    lines = ["| setting | allowed | default | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for name, kind, default, unit, meaning in _rows():
        lines.append(f"| `{name}` | {kind} | {f'`{default}`' if default else ''} | {unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def example_file() -> str:
    """The text of `deploy/env.example`: every setting with its default, ready to be copied and filled in."""
    lines = [
        "# Every setting of Offhook. Copy this file, fill it in, keep it out of the repository (chmod 600), and name it",
        "# in OFFHOOK_SECRETS_FILE. An empty value means the default; the environment wins over this file.",
        "# Written by `python -m backend.settings --example`: change backend/settings/, not this file.",
    ]
    for (name, kind, default, unit, meaning), info in zip(_rows(), Settings.model_fields.values(), strict=True):
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if extra.get("group"):
            lines += ["", f"# --- {extra['group']} ---"]
        allowed = "" if kind in ("text", "secret") else f" ({kind}{', ' + unit if unit else ''})"
        lines += ["", f"# {meaning}{allowed}", f"{name}={default}"]
    return "\n".join(lines) + "\n"
