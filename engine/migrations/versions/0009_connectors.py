"""Connectors"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('channel', schema=None) as batch_op:
        batch_op.add_column(sa.Column('not_before', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('tokens', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('renewing_until', sa.DateTime(), nullable=True))

    op.create_table('publication_progress',
    sa.Column('publication_id', sa.String(length=36), nullable=False),
    sa.Column('notes', sa.LargeBinary(), nullable=True),
    sa.Column('looks', sa.Integer(), server_default='0', nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['publication_id'], ['publication.id'], name=op.f('fk_publication_progress_publication_id_publication')),
    sa.PrimaryKeyConstraint('publication_id', name=op.f('pk_publication_progress'))
    )
