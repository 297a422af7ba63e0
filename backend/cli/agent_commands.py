"""`call` and `agents`: what is asked of a product that runs, over its API."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import yaml
from pydantic import ValidationError
from rich.table import Table

from backend.call.agent_config import AgentConfig
from backend.cli.terminal import console, finish
from backend.rehearsal.product_api import ProductApi


def api_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--base-url` and `--api-key`, for every command that asks a running product."""
    base_url = click.option(
        "--base-url",
        "--url",
        "base_url",
        default="http://127.0.0.1:8000",
        envvar="OFFHOOK_URL",
        show_default=True,
        help="The product.",
    )
    api_key = click.option("--api-key", envvar="OFFHOOK_API_KEY", required=True, help="Default: OFFHOOK_API_KEY.")
    return base_url(api_key(command))


@click.command()
@click.argument("to_number")
@click.option("--agent", "agent_id", required=True, help="Id of the agent that speaks.")
@click.option("--from", "from_number", help="Number shown to the called party; default: the agent's first one.")
@api_options
def call(to_number: str, agent_id: str, from_number: str | None, base_url: str, api_key: str) -> None:
    """Let an agent call TO_NUMBER (+13125550100)."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            console.print(await api.dial(agent_id=agent_id, to_number=to_number, from_number=from_number))
        return True

    finish(work())


@click.group()
def agents() -> None:
    """List, show, make, change and remove agents."""


@agents.command("list")
@api_options
def list_agents(base_url: str, api_key: str) -> None:
    """All agents."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            found = await api.list_agents()
        table = Table(show_edge=False)
        for column in ("id", "version", "name", "numbers"):
            table.add_column(column)
        for agent in found:
            config = agent["config"]
            table.add_row(agent["id"], str(agent["version"]), config["name"], ", ".join(config["phone_numbers"]))
        console.print(table)
        return True

    finish(work())


@agents.command("show")
@click.argument("agent_id")
@api_options
def show_agent(agent_id: str, base_url: str, api_key: str) -> None:
    """One agent as JSON."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            click.echo(json.dumps(await api.show_agent(agent_id), indent=2, ensure_ascii=False))
        return True

    finish(work())


@agents.command("create")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@api_options
def create_agent(file: Path, base_url: str, api_key: str) -> None:
    """Make an agent from a YAML or JSON FILE; prints its id."""
    agent = _read_agent(file)

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            click.echo(await api.create_agent(agent.model_dump(mode="json")))
        return True

    finish(work())


@agents.command("update")
@click.argument("agent_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--version", type=int, help="The version that FILE was made from; refused when it is not the present one."
)
@api_options
def update_agent(agent_id: str, file: Path, version: int | None, base_url: str, api_key: str) -> None:
    """Put FILE, a whole agent in YAML or JSON, in the place of an agent; prints the new version. Applies from the next
    call on."""
    agent = _read_agent(file)

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            present = version if version is not None else int((await api.show_agent(agent_id))["version"])
            click.echo(await api.update_agent(agent_id, agent.model_dump(mode="json"), present))
        return True

    finish(work())


@agents.command("delete")
@click.argument("agent_id")
@api_options
def delete_agent(agent_id: str, base_url: str, api_key: str) -> None:
    """Take an agent out of use; its numbers are free again."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            await api.delete_agent(agent_id)
        return True

    finish(work())


def _read_agent(file: Path) -> AgentConfig:
    try:
        return AgentConfig.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)]
        raise click.UsageError(f"{file}:\n" + "\n".join(lines)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: is neither YAML nor JSON: {str(error).splitlines()[0]}") from None
