"""Audit"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'audit_seal',
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('at', sa.DateTime(), nullable=False),
        sa.Column('first_id', sa.BigInteger(), nullable=False),
        sa.Column('last_id', sa.BigInteger(), nullable=False),
        sa.Column('events', sa.LargeBinary(), nullable=False),
        sa.Column('previous', sa.String(length=64), nullable=False),
        sa.Column('hash', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_seal')),
    )
    op.create_index('ix_event_at', 'event', ['tenant_id', 'at', 'id'])
    op.create_index('ix_event_actor', 'event', ['tenant_id', 'actor', 'at', 'id'])
    op.create_index('ix_event_type', 'event', ['tenant_id', 'type', 'at', 'id'])
