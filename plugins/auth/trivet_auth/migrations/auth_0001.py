"""The table of what trivet-auth remembers.

Revision ID: auth_0001
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision: str = "auth_0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = ("auth",)
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the database to this revision."""
    op.create_table(
        "auth_record",
        sa.Column("kind", _exact(32), nullable=False),
        sa.Column("key", _exact(128), nullable=False),
        sa.Column("owner", _exact(255), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.create_index("ix_auth_record_owner", "auth_record", ["owner", "kind"])
    op.create_index("ix_auth_record_expires", "auth_record", ["expires"])


def downgrade() -> None:
    """Bring it back to the one before."""
    op.drop_table("auth_record")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    """Return a text whose case and accents count everywhere."""
    return sa.String(length).with_variant(mysql.VARCHAR(length, collation="utf8mb4_bin"), "mysql", "mariadb")
