"""After a call: the outbox of summaries and webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SECONDS = sa.Float(53)


def upgrade() -> None:
    op.create_table(
        "after_calls",
        sa.Column("call_control_id", sa.String(255), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("next_at", SECONDS, nullable=True),
        sa.Column("summary_state", sa.String(16), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("summary_attempts", sa.Integer(), nullable=False),
        sa.Column("summary_error", sa.String(255), nullable=False),
        sa.Column("webhook_state", sa.String(16), nullable=False),
        sa.Column("webhook_attempts", sa.Integer(), nullable=False),
        sa.Column("webhook_since", SECONDS, nullable=False),
        sa.Column("webhook_status", sa.Integer(), nullable=True),
        sa.Column("webhook_error", sa.String(255), nullable=False),
        sa.Column("delivered_at", SECONDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["call_control_id"],
            ["calls.call_control_id"],
            name=op.f("fk_after_calls_call_control_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_control_id", name=op.f("pk_after_calls")),
    )
    op.create_index(op.f("ix_after_calls_next_at"), "after_calls", ["next_at"])


def downgrade() -> None:
    op.drop_table("after_calls")
