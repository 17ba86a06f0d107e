"""What is kept of disposed cases, so that the evidence can be counted anew without losing them"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('evidence_case', sa.Column('kept', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_table('evidence_kept',
                    sa.Column('id', sa.String(length=32), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('what', sa.String(length=8), nullable=False),
                    sa.Column('element', sa.Text(), nullable=False),
                    sa.Column('definition_id', sa.String(length=255), nullable=False),
                    sa.Column('grain', sa.String(length=1), nullable=False),
                    sa.Column('day', sa.Date(), nullable=False),
                    sa.Column('kind', sa.String(length=255), nullable=False),
                    sa.Column('unit', sa.String(length=255), nullable=False),
                    sa.Column('count', sa.BigInteger(), nullable=False),
                    sa.Column('measures', sa.Text(), nullable=False),
                    sa.Column('lead', sa.Text(), nullable=False),
                    sa.Column('wait', sa.Text(), nullable=False),
                    sa.Column('work', sa.Text(), nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_kept_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence_kept'))
                    )
    op.create_index('ix_evidence_kept_tenant', 'evidence_kept', ['tenant_id'])


def downgrade() -> None:
    op.drop_table('evidence_kept')
    op.drop_column('evidence_case', 'kept')
