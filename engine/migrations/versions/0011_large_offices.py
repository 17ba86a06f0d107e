"""Large offices"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

CORRECTING = sa.text('about_id IS NOT NULL')
RUNNING = sa.text('ended_at IS NULL')
LIVE = sa.text("state IN ('open', 'failed')")


def upgrade() -> None:
    with op.batch_alter_table('process_instance') as batch_op:
        batch_op.drop_index('ix_process_instance_about_id')
        batch_op.create_index('ix_process_instance_about_id', ['about_id'], sqlite_where=CORRECTING, postgresql_where=CORRECTING)
        batch_op.create_index('ix_process_instance_key', ['tenant_id', 'definition_key', 'started_at', 'id'])
        batch_op.create_index('ix_process_instance_of', ['definition_id'], sqlite_where=RUNNING, postgresql_where=RUNNING)
    with op.batch_alter_table('activity_instance') as batch_op:
        batch_op.drop_index('ix_activity_instance_standing')
        batch_op.create_index('ix_activity_instance_standing', ['definition_id', 'activity_id', 'due_order', 'type', 'ended_at'],
                              sqlite_where=RUNNING, postgresql_where=RUNNING)
    with op.batch_alter_table('job') as batch_op:
        batch_op.create_index('ix_job_live', ['tenant_id', 'id'], sqlite_where=LIVE, postgresql_where=LIVE)
    with op.batch_alter_table('publication') as batch_op:
        batch_op.create_index('ix_publication_news', ['tenant_id', 'kind', 'published_at', 'instance_id'])


def downgrade() -> None:
    with op.batch_alter_table('publication') as batch_op:
        batch_op.drop_index('ix_publication_news')
    with op.batch_alter_table('job') as batch_op:
        batch_op.drop_index('ix_job_live')
    with op.batch_alter_table('activity_instance') as batch_op:
        batch_op.drop_index('ix_activity_instance_standing')
        batch_op.create_index('ix_activity_instance_standing', ['definition_id', 'activity_id', 'due_order', 'type'],
                              sqlite_where=RUNNING, postgresql_where=RUNNING)
    with op.batch_alter_table('process_instance') as batch_op:
        batch_op.drop_index('ix_process_instance_of')
        batch_op.drop_index('ix_process_instance_key')
        batch_op.drop_index('ix_process_instance_about_id')
        batch_op.create_index('ix_process_instance_about_id', ['about_id'])
