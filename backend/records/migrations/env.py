"""Alembic's hook: run the migrations inside the transaction that `backend/records/migrate.py` has begun."""

from alembic import context

from backend.records.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
