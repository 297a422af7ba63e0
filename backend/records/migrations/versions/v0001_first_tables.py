"""The first tables: agents with their versions and numbers, calls with turns, latencies and timeline."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SECONDS = sa.Float(53)


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.Column("deleted_at", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )
    op.create_table(
        "agent_versions",
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_agent_versions_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent_id", "version", name=op.f("pk_agent_versions")),
    )
    op.create_table(
        "agent_numbers",
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_agent_numbers_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_agent_numbers")),
    )
    op.create_index(op.f("ix_agent_numbers_agent_id"), "agent_numbers", ["agent_id"])
    op.create_table(
        "calls",
        sa.Column("call_control_id", sa.String(255), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("agent_version", sa.Integer(), nullable=False),
        sa.Column("from_number", sa.String(64), nullable=False),
        sa.Column("to_number", sa.String(64), nullable=False),
        sa.Column("started_at", SECONDS, nullable=False),
        sa.Column("answered_at", SECONDS, nullable=True),
        sa.Column("ended_at", SECONDS, nullable=True),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("who_hung_up", sa.String(16), nullable=False),
        sa.Column("hangup_cause", sa.String(64), nullable=False),
        sa.Column("check_ins", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("call_control_id", name=op.f("pk_calls")),
    )
    op.create_index(op.f("ix_calls_started_at_call_control_id"), "calls", ["started_at", "call_control_id"])
    op.create_index(op.f("ix_calls_agent_id_started_at"), "calls", ["agent_id", "started_at"])
    _of_a_call(
        "turns",
        sa.Column("speaker", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("heard", sa.String(16), nullable=False),
    )
    _of_a_call(
        "call_latencies",
        sa.Column("turn_id", sa.String(64), nullable=False),
        sa.Column("end_of_turn_s", SECONDS, nullable=True),
        sa.Column("first_sentence_s", SECONDS, nullable=True),
        sa.Column("first_audio_s", SECONDS, nullable=True),
    )
    _of_a_call(
        "call_events",
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )


def _of_a_call(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column("call_control_id", sa.String(255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["call_control_id"], ["calls.call_control_id"], name=op.f(f"fk_{table}_call_control_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_control_id", "number", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    for table in ("call_events", "call_latencies", "turns", "calls", "agent_numbers", "agent_versions", "agents"):
        op.drop_table(table)
