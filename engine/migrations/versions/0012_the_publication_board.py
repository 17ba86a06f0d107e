"""The publication board"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('publication') as batch_op:
        batch_op.add_column(sa.Column('waits_until', sa.DateTime(), nullable=True))
        batch_op.create_index('ix_publication_board', ['tenant_id', 'updated_at', 'id'])
        batch_op.create_index('ix_publication_board_channel', ['tenant_id', 'channel_id', 'updated_at', 'id'])
        batch_op.create_index('ix_publication_board_state', ['tenant_id', 'state', 'updated_at', 'id'])


def downgrade() -> None:
    with op.batch_alter_table('publication') as batch_op:
        batch_op.drop_index('ix_publication_board_state')
        batch_op.drop_index('ix_publication_board_channel')
        batch_op.drop_index('ix_publication_board')
        batch_op.drop_column('waits_until')
