"""photos that leave a project clean

Revision ID: 0012
Revises: 0011
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy import Text
import server.models.columns

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place: other tables point at projects, so that SQLite could not make the table anew.
    default = '0' if op.get_bind().dialect.name == 'sqlite' else 'false'
    op.execute(f'ALTER TABLE projects ADD COLUMN clean_photos BOOLEAN DEFAULT {default} NOT NULL')


def downgrade() -> None:
    op.execute('ALTER TABLE projects DROP COLUMN clean_photos')
