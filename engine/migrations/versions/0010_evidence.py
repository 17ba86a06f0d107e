"""Evidence"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('evidence_case',
                    sa.Column('instance_id', sa.String(length=36), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('definition_id', sa.String(length=255), nullable=False),
                    sa.Column('ended_at', sa.DateTime(), nullable=False),
                    sa.Column('day', sa.Date(), nullable=False),
                    sa.Column('kind', sa.String(length=255), nullable=False),
                    sa.Column('unit', sa.String(length=255), nullable=False),
                    sa.Column('writer', sa.String(length=255), nullable=True),
                    sa.Column('variant', sa.String(length=32), nullable=False),
                    sa.Column('working_seconds', sa.BigInteger(), nullable=False),
                    sa.Column('decisions', sa.Integer(), nullable=False),
                    sa.Column('returned', sa.Integer(), nullable=False),
                    sa.Column('again_seconds', sa.BigInteger(), nullable=False),
                    sa.Column('cancelled', sa.Boolean(), nullable=False),
                    sa.Column('moved', sa.Boolean(), nullable=False),
                    sa.Column('manual', sa.Boolean(), nullable=False),
                    sa.Column('extended', sa.Boolean(), nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_case_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('instance_id', name=op.f('pk_evidence_case'))
                    )
    with op.batch_alter_table('evidence_case') as batch_op:
        batch_op.create_index('ix_evidence_case_left', ['tenant_id', 'key', 'ended_at', 'instance_id'],
                              sqlite_where=sa.text('cancelled OR moved OR manual OR extended'),
                              postgresql_where=sa.text('cancelled OR moved OR manual OR extended'))
        batch_op.create_index('ix_evidence_case_list', ['tenant_id', 'key', 'ended_at', 'instance_id'])
        batch_op.create_index('ix_evidence_case_long', ['tenant_id', 'key', 'working_seconds'])
        batch_op.create_index('ix_evidence_case_variant', ['tenant_id', 'variant', 'ended_at', 'instance_id'])

    op.create_table('evidence_category',
                    sa.Column('id', sa.String(length=36), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('name', sa.Text(), nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_category_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence_category')),
                    sa.UniqueConstraint('tenant_id', 'key', 'name', name=op.f('uq_evidence_category_tenant_id_key_name'))
                    )
    op.create_table('evidence_cell',
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
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_cell_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence_cell'))
                    )
    with op.batch_alter_table('evidence_cell') as batch_op:
        batch_op.create_index('ix_evidence_cell_read', ['tenant_id', 'key', 'what', 'grain', 'day', 'kind', 'unit'])

    op.create_table('evidence_return',
                    sa.Column('id', sa.String(length=36), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('instance_id', sa.String(length=36), nullable=False),
                    sa.Column('activity_id', sa.String(length=255), nullable=False),
                    sa.Column('definition_id', sa.String(length=255), nullable=False),
                    sa.Column('day', sa.Date(), nullable=False),
                    sa.Column('kind', sa.String(length=255), nullable=False),
                    sa.Column('unit', sa.String(length=255), nullable=False),
                    sa.Column('wording', sa.String(length=32), nullable=False),
                    sa.Column('category_id', sa.String(length=36), server_default='', nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_return_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence_return'))
                    )
    with op.batch_alter_table('evidence_return') as batch_op:
        batch_op.create_index('ix_evidence_return_of', ['instance_id'])
        batch_op.create_index('ix_evidence_return_read', ['tenant_id', 'key', 'day', 'category_id', 'kind', 'unit', 'definition_id'])
        batch_op.create_index('ix_evidence_return_wording', ['tenant_id', 'key', 'wording'])

    op.create_table('evidence_variant',
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('id', sa.String(length=32), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('path', sa.JSON(), nullable=False),
                    sa.Column('length', sa.Integer(), nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_variant_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_evidence_variant'))
                    )
    op.create_table('evidence_wording',
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('id', sa.String(length=32), nullable=False),
                    sa.Column('note', sa.Text(), nullable=False),
                    sa.Column('count', sa.Integer(), nullable=False),
                    sa.Column('category_id', sa.String(length=36), server_default='', nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evidence_wording_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('tenant_id', 'key', 'id', name=op.f('pk_evidence_wording'))
                    )
    with op.batch_alter_table('evidence_wording') as batch_op:
        batch_op.create_index('ix_evidence_wording_list', ['tenant_id', 'key', 'category_id', 'count', 'id'])

    with op.batch_alter_table('process_instance', recreate='never') as batch_op:  # made anew, SQLite's would get its indexes in any order
        batch_op.add_column(sa.Column('counted', sa.Boolean(), server_default=sa.text('false'), nullable=False))
        batch_op.create_index('ix_process_instance_uncounted', ['tenant_id', 'id'],
                              sqlite_where=sa.text('ended_at IS NOT NULL AND NOT counted'),
                              postgresql_where=sa.text('ended_at IS NOT NULL AND NOT counted'))

