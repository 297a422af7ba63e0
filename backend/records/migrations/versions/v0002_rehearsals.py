"""Rehearsals of one's own, their runs and what happened in them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SECONDS = sa.Float(53)


def upgrade() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rehearsals")),
    )
    op.create_table(
        "rehearsal_runs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("agent_version", sa.Integer(), nullable=False),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("queued_at", SECONDS, nullable=False),
        sa.Column("started_at", SECONDS, nullable=True),
        sa.Column("ended_at", SECONDS, nullable=True),
        sa.Column("beat_at", SECONDS, nullable=True),
        sa.Column("call_control_id", sa.String(255), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("recording_s", SECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsal_runs")),
    )
    op.create_index(op.f("ix_rehearsal_runs_name_queued_at"), "rehearsal_runs", ["name", "queued_at"])
    op.create_index(op.f("ix_rehearsal_runs_state_queued_at"), "rehearsal_runs", ["state", "queued_at"])
    op.create_table(
        "rehearsal_timeline",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at_s", SECONDS, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("is_trouble", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["rehearsal_runs.id"], name=op.f("fk_rehearsal_timeline_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_rehearsal_timeline")),
    )


def downgrade() -> None:
    for table in ("rehearsal_timeline", "rehearsal_runs", "rehearsals"):
        op.drop_table(table)
