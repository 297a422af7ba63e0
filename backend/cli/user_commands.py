"""`users`: who may sign in to the console, straight from the installation's database: the way back in for somebody who has
lost the last password. Wants the settings of the processes (DATABASE_URL or DATA_DIR), not a running product."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.table import Table

from backend.cli.terminal import console
from backend.errors import BackendError
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.records.users import Users

_ROLE = click.Choice(["viewer", "editor", "admin"])
_given = click.option("--ask", is_flag=True, help="Ask for the password, instead of making one and printing it once.")


@click.group()
def users() -> None:
    """List, make, change and remove those who sign in to the console."""


@users.command("list")
def list_users() -> None:
    """All users and their roles."""
    with _accounts() as (_, found):
        table = Table(show_edge=False)
        for column in ("name", "role"):
            table.add_column(column)
        for user in found.list():
            table.add_row(user.name, user.role)
        console.print(table)


@users.command("add")
@click.argument("name")
@click.option("--role", type=_ROLE, default="viewer", show_default=True)
@_given
def add_user(name: str, role: str, ask: bool) -> None:
    """Make the user NAME."""
    from backend.web.passwords import hash_password

    password = _password(ask)
    with _accounts() as (_, found):
        try:
            made = found.create(name, role, hash_password(password))  # type: ignore[arg-type]  # click has looked
        except ValueError:
            raise click.UsageError(
                "NAME: letters, digits and . _ @ + -, at most 64, the first a letter or digit"
            ) from None
        _tell(made.name, password, ask)


@users.command("password")
@click.argument("name", default="admin")
@_given
def set_password(name: str, ask: bool) -> None:
    """Give the user NAME (admin) a new password. Ends all their sessions."""
    from backend.web.first_admin import NAME, forget_generated_password
    from backend.web.passwords import hash_password

    password = _password(ask)
    with _accounts() as (settings, found):
        changed = found.update(name, password_hash=hash_password(password))
        if changed.name == NAME:
            forget_generated_password(settings)
        _tell(changed.name, password, ask)


@users.command("role")
@click.argument("name")
@click.argument("role", type=_ROLE)
def set_role(name: str, role: str) -> None:
    """Make the user NAME a viewer, an editor or an admin. Applies from their next click on."""
    with _accounts() as (_, found):
        found.update(name, role=role)  # type: ignore[arg-type]  # click has looked


@users.command("remove")
@click.argument("name")
def remove_user(name: str) -> None:
    """Take NAME out. Ends all their sessions."""
    with _accounts() as (_, found):
        found.delete(name)


@contextmanager
def _accounts() -> "Iterator[tuple[Settings, Users]]":
    """Over the installation's database, brought to the present schema. What refuses is said in a line."""
    # Here, not above: the other commands need not wait for SQL.
    from backend.clock import SystemClock
    from backend.records.database import Database
    from backend.records.migrate import migrate
    from backend.records.users import Users as AllUsers

    try:
        settings = load_settings(os.environ)
        migrate(settings.records_url)
        database = Database(settings.records_url)
        try:
            yield settings, AllUsers(database, SystemClock())
        finally:
            database.close()
    except BackendError as error:
        console.print(str(error), style="bold red", markup=False)
        sys.exit(1)


def _password(ask: bool) -> str:
    from backend.web.passwords import LONGEST, SHORTEST, generate_password

    if not ask:
        return generate_password()
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not SHORTEST <= len(password) <= LONGEST:
        raise click.UsageError(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


def _tell(name: str, password: str, ask: bool) -> None:
    console.print(f"{name}: done" if ask else f"{name}: password {password}", markup=False)
