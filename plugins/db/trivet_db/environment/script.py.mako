"""${message}

Revision ID: ${up_revision}
% if down_revision:
Revises: ${down_revision | comma,n}
% endif
Create Date: ${create_date}
"""
<%!
    def quoted(value):
        if isinstance(value, str):
            return '"%s"' % value
        if value is None:
            return "None"
        one_only = "," if len(value) == 1 else ""
        return "(%s%s)" % (", ".join('"%s"' % one for one in value), one_only)
%>
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
% if imports:
${imports}
% endif

revision: str = ${quoted(up_revision)}
down_revision: str | Sequence[str] | None = ${quoted(down_revision)}
branch_labels: str | Sequence[str] | None = ${quoted(branch_labels)}
depends_on: str | Sequence[str] | None = ${quoted(depends_on)}
% if config.attributes["databases"] is None:


def upgrade() -> None:
    """Bring the database to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Bring it back to the one before."""
    ${downgrades if downgrades else "pass"}
% else:


def upgrade(engine_name: str) -> None:
    """Bring one of the databases to this revision."""
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    """Bring it back to the one before."""
    globals()[f"downgrade_{engine_name}"]()
% for name in config.attributes["databases"]:


def upgrade_${name}() -> None:
    ${context.get(f"{name}_upgrades") or "pass"}


def downgrade_${name}() -> None:
    ${context.get(f"{name}_downgrades") or "pass"}
% endfor
% endif
