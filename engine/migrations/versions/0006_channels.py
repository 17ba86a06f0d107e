"""Channels"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'job_attempt',
        sa.Column('id', sa.String(length=255), nullable=False),
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('job_id', sa.String(length=36), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=True),
        sa.Column('channel_id', sa.String(length=255), nullable=True),
        sa.Column('started_at', sa.DateTime(), nullable=False),
        sa.Column('ended_at', sa.DateTime(), nullable=True),
        sa.Column('outcome', sa.String(length=255), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_job_attempt_tenant_id_tenant')),
        sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_job_attempt_job_id_job')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_job_attempt')),
    )
    op.create_index('ix_job_attempt_of', 'job_attempt', ['instance_id', 'id'])
    op.create_index('ix_job_attempt_job', 'job_attempt', ['job_id', 'started_at'])
    op.create_table(
        'job_exchange',
        sa.Column('attempt_id', sa.String(length=255), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=True),
        sa.Column('at', sa.DateTime(), nullable=False),
        sa.Column('method', sa.String(length=255), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('request', sa.JSON(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('answer', sa.JSON(), nullable=True),
        sa.Column('milliseconds', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['attempt_id'], ['job_attempt.id'], name=op.f('fk_job_exchange_attempt_id_job_attempt')),
        sa.PrimaryKeyConstraint('attempt_id', 'number', name=op.f('pk_job_exchange')),
    )
    op.create_index(op.f('ix_job_exchange_instance_id'), 'job_exchange', ['instance_id'])
    op.create_table(
        'channel_health',
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('channel_id', sa.String(length=255), nullable=False),
        sa.Column('state', sa.String(length=255), nullable=False),
        sa.Column('since', sa.DateTime(), nullable=False),
        sa.Column('message', sa.Text(), server_default='', nullable=False),
        sa.Column('params', sa.JSON(), server_default='{}', nullable=False),
        sa.Column('checked_at', sa.DateTime(), nullable=True),
        sa.Column('check_at', sa.DateTime(), nullable=False),
        sa.Column('leased_until', sa.DateTime(), nullable=True),
        sa.Column('expires_at', sa.DateTime(), nullable=True),
        sa.Column('quotas', sa.JSON(), server_default='[]', nullable=False),
        sa.PrimaryKeyConstraint('tenant_id', 'channel_id', name=op.f('pk_channel_health')),
    )
    op.create_index(op.f('ix_channel_health_check_at'), 'channel_health', ['check_at'])
    op.execute("INSERT INTO channel_health (tenant_id, channel_id, state, since, check_at) "
               "SELECT tenant_id, id, 'unknown', '2000-01-01 00:00:00.000000', '2000-01-01 00:00:00.000000' FROM channel")
    with op.batch_alter_table('incident') as batch_op:
        batch_op.add_column(sa.Column('annotation', sa.Text(), nullable=True))
    with op.batch_alter_table('channel') as batch_op:
        batch_op.add_column(sa.Column('expires_on', sa.Date(), nullable=True))
