"""Create the table of people, and say whose a task is."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the table; tasks that there are have no owner, until ``trivet give`` gives them one."""
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("verified_at", sa.Double(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("totp_secret", sa.String(length=512), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_login_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
    )
    with op.batch_alter_table("task") as batch:
        batch.add_column(sa.Column("owner_id", sa.Integer(), nullable=True))
        batch.create_index(batch.f("ix_task_owner_id"), ["owner_id"])
        batch.create_foreign_key(batch.f("fk_task_owner_id_user"), "user", ["owner_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    """Drop it; whose a task was is lost."""
    with op.batch_alter_table("task") as batch:
        batch.drop_constraint(batch.f("fk_task_owner_id_user"), type_="foreignkey")
        batch.drop_index(batch.f("ix_task_owner_id"))
        batch.drop_column("owner_id")
    op.drop_table("user")
