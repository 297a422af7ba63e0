"""/api/agents: the agents, their versions, and the schema of the form.

A change (PUT) sends the whole agent and says in `?version=` which version it was made from; 409 when that is no longer
the present one.
"""

from dataclasses import asdict

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from backend.call.agent_config import AgentConfig
from backend.records.agents import Agent
from backend.web.errors import ErrorAnswer
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.services import services

blueprint = APIBlueprint(
    "agents",
    __name__,
    url_prefix="/api/agents",
    abp_tags=[Tag(name="agents")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)


class AgentPath(BaseModel):
    """Which agent."""

    agent_id: str = Field(min_length=1, max_length=64)


class AgentVersionPath(AgentPath):
    """Which version of which agent."""

    version: int = Field(ge=1, le=2**31 - 1)


class ExpectedVersion(BaseModel):
    """What the change was made from."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1, description="The version that was edited; 409 when it is not the present.")


class AgentAnswer(BaseModel):
    """An agent at one version. Instants are seconds since 1970 UTC."""

    id: str
    version: int
    created_at: float
    updated_at: float
    config: AgentConfig


class AgentList(BaseModel):
    """All agents, by name."""

    agents: list[AgentAnswer]


class AgentVersion(BaseModel):
    """That a version was saved, and when (seconds since 1970 UTC)."""

    version: int
    created_at: float


class AgentVersionList(BaseModel):
    """Every version of one agent, newest first."""

    versions: list[AgentVersion]


class AgentSchema(BaseModel):
    """The JSON schema of an agent: limits, defaults, units (`unit`), titles and help of every field."""

    model_config = ConfigDict(extra="allow")


@blueprint.get("", summary="All agents", responses={200: AgentList})
def list_agents() -> Response:
    return jsonify({"agents": [_answer(agent) for agent in services().agents.list()]})


@blueprint.post(
    "", summary="Make an agent", responses={201: AgentAnswer, 409: ErrorAnswer, **WITH_BODY}
)  # 409: another agent answers one of the numbers
def create_agent(body: AgentConfig) -> tuple[Response, int]:
    return jsonify(_answer(services().agents.create(body))), 201


@blueprint.get("/schema", summary="The schema of an agent", responses={200: AgentSchema})
def agent_schema() -> Response:
    return jsonify(AgentConfig.model_json_schema())


@blueprint.get(
    "/<string:agent_id>", summary="One agent", responses={200: AgentAnswer, 404: ErrorAnswer, 422: ErrorAnswer}
)
def get_agent(path: AgentPath) -> Response:
    return jsonify(_answer(services().agents.get(path.agent_id)))


@blueprint.get(
    "/<string:agent_id>/versions",
    summary="What an agent was before",
    responses={200: AgentVersionList, 404: ErrorAnswer, 422: ErrorAnswer},
)
def list_agent_versions(path: AgentPath) -> Response:
    return jsonify({"versions": [asdict(kept) for kept in services().agents.versions(path.agent_id)]})


@blueprint.get(
    "/<string:agent_id>/versions/<int:version>",
    summary="An agent as it was",
    responses={200: AgentAnswer, 404: ErrorAnswer, 422: ErrorAnswer},
)
def get_agent_version(path: AgentVersionPath) -> Response:
    return jsonify(_answer(services().agents.get_version(path.agent_id, path.version)))


@blueprint.put(
    "/<string:agent_id>",
    summary="Change an agent; applies to the next call",
    responses={200: AgentAnswer, 404: ErrorAnswer, 409: ErrorAnswer, **WITH_BODY},
)
def update_agent(path: AgentPath, query: ExpectedVersion, body: AgentConfig) -> Response:
    return jsonify(_answer(services().agents.update(path.agent_id, body, query.version)))


@blueprint.delete(
    "/<string:agent_id>", summary="Take an agent out of use", responses={204: None, 404: ErrorAnswer, 422: ErrorAnswer}
)
def delete_agent(path: AgentPath) -> tuple[str, int]:
    services().agents.delete(path.agent_id)
    return "", 204


def _answer(agent: Agent) -> dict[str, object]:
    return AgentAnswer(
        id=agent.id,
        version=agent.version,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
        config=agent.config,
    ).model_dump(mode="json")
