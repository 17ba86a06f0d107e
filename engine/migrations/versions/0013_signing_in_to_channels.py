"""Signing in to channels"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('channel') as batch_op:
        batch_op.add_column(sa.Column('signed_in_at', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('signed_in_as', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('sign_in_ends_at', sa.DateTime(), nullable=True))
    op.create_table('channel_sign_in',
                    sa.Column('id', sa.String(length=64), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('channel_id', sa.String(length=255), nullable=False),
                    sa.Column('user_id', sa.String(length=255), nullable=False),
                    sa.Column('session', sa.String(length=64), nullable=False),
                    sa.Column('until', sa.DateTime(), nullable=False),
                    sa.Column('sealed', sa.LargeBinary(), nullable=True),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_sign_in')))


def downgrade() -> None:
    op.drop_table('channel_sign_in')
    with op.batch_alter_table('channel') as batch_op:
        batch_op.drop_column('sign_in_ends_at')
        batch_op.drop_column('signed_in_as')
        batch_op.drop_column('signed_in_at')
