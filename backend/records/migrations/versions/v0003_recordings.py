"""Recordings of calls, and the words of a turn that nobody heard."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("call_control_id", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("duration_s", sa.Float(53), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("call_control_id", name=op.f("pk_recordings")),
    )
    op.create_index(op.f("ix_recordings_state"), "recordings", ["state"])
    op.create_index(op.f("ix_recordings_started_at"), "recordings", ["started_at"])
    op.add_column("turns", sa.Column("unheard_text", sa.Text(), server_default=sa.text("''"), nullable=False))
    # What nobody heard of an answer stood in `text` until now.
    op.execute("UPDATE turns SET unheard_text = text, text = '' WHERE heard = 'unheard'")


def downgrade() -> None:
    op.execute("UPDATE turns SET text = unheard_text WHERE heard = 'unheard'")
    op.drop_column("turns", "unheard_text")
    op.drop_table("recordings")
