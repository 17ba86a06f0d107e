"""The calendar of what is to be published"""

import datetime as dt
import json

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

PLANNED = sa.text('publish_at IS NOT NULL AND ended_at IS NULL')
WAITING = sa.text("state IN ('planned', 'held')")


def upgrade() -> None:
    with op.batch_alter_table('process_instance') as batch_op:
        batch_op.add_column(sa.Column('publish_at', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('publish_on', sa.Text(), nullable=True))
        batch_op.create_index('ix_process_instance_planned', ['tenant_id', 'publish_at', 'id'], sqlite_where=PLANNED, postgresql_where=PLANNED)
    with op.batch_alter_table('publication') as batch_op:
        batch_op.create_index('ix_publication_waits', ['tenant_id', 'waits_until', 'id'], sqlite_where=WAITING, postgresql_where=WAITING)
    _fill()


def _fill() -> None:
    """What runs already says when it is to appear only in its variables."""
    case = sa.table('process_instance', *map(sa.column, ('id', 'variables', 'ended_at', 'publish_on')), sa.column('publish_at', sa.DateTime()))
    named = sa.select(case.c.id, case.c.variables).where(case.c.ended_at.is_(None), case.c.variables.like('%"terbit_pada":"%'))
    for id, text in op.get_bind().execute(named).fetchall():
        own = json.loads(text).get('') or {}
        try:
            at = dt.datetime.fromisoformat(own['terbit_pada'])
            at = at.astimezone(dt.timezone.utc).replace(tzinfo=None) if at.tzinfo else at
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if own.get('segel'):
            on = ' '.join(each for each in own.get('kanal') or [] if isinstance(each, str))
            op.get_bind().execute(sa.update(case).where(case.c.id == id).values(publish_at=at, publish_on=on))


def downgrade() -> None:
    with op.batch_alter_table('publication') as batch_op:
        batch_op.drop_index('ix_publication_waits')
    with op.batch_alter_table('process_instance') as batch_op:
        batch_op.drop_index('ix_process_instance_planned')
        batch_op.drop_column('publish_on')
        batch_op.drop_column('publish_at')
