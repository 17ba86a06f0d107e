"""Many at once: migrations become one type of batch"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

STATES = {"migrated": "done", "refused": "failed"}  # of an item: what a migration called it, and what every batch does


def upgrade() -> None:
    op.create_table('batch',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant_id', sa.String(length=255), nullable=False),
    sa.Column('type', sa.String(length=255), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('created_by', sa.String(length=255), nullable=True),
    sa.Column('started_at', sa.DateTime(), nullable=True),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.Column('key', sa.String(length=255), nullable=True),
    sa.Column('source_id', sa.String(length=255), nullable=True),
    sa.Column('target_id', sa.String(length=255), nullable=True),
    sa.ForeignKeyConstraint(['source_id'], ['process_definition.id'], name=op.f('fk_batch_source_id_process_definition')),
    sa.ForeignKeyConstraint(['target_id'], ['process_definition.id'], name=op.f('fk_batch_target_id_process_definition')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_batch_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch'))
    )
    op.create_index('ix_batch_list', 'batch', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_batch_open', 'batch', ['created_at', 'id'], unique=False, sqlite_where=sa.text('ended_at IS NULL'),
                    postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('batch_item',
    sa.Column('batch_id', sa.String(length=36), nullable=False),
    sa.Column('subject_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('seen', sa.Text(), server_default='', nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('problem', sa.JSON(), nullable=True),
    sa.Column('at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['batch_id'], ['batch.id'], name=op.f('fk_batch_item_batch_id_batch')),
    sa.PrimaryKeyConstraint('batch_id', 'subject_id', name=op.f('pk_batch_item'))
    )
    op.create_index('ix_batch_item_state', 'batch_item', ['batch_id', 'state', 'subject_id'], unique=False)
    op.create_index('ix_batch_item_of', 'batch_item', ['instance_id'], unique=False)
    op.execute(
        "INSERT INTO batch (id, tenant_id, type, data, state, total, created_at, created_by, started_at, ended_at, key, source_id, target_id) "
        "SELECT id, tenant_id, 'instance-migration', plan, state, total, created_at, created_by, created_at, ended_at, key, source_id, "
        "target_id FROM migration")
    op.execute(
        "INSERT INTO batch_item (batch_id, subject_id, instance_id, state, problem, at) SELECT migration_id, instance_id, instance_id, "
        f"{_other_words(STATES)}, problem, at FROM migration_item")
    op.drop_table('migration_item')
    op.drop_table('migration')


def downgrade() -> None:
    op.create_table('migration',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant_id', sa.String(length=255), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('source_id', sa.String(length=255), nullable=False),
    sa.Column('target_id', sa.String(length=255), nullable=False),
    sa.Column('plan', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('created_by', sa.String(length=255), nullable=True),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['source_id'], ['process_definition.id'], name=op.f('fk_migration_source_id_process_definition')),
    sa.ForeignKeyConstraint(['target_id'], ['process_definition.id'], name=op.f('fk_migration_target_id_process_definition')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_migration_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_migration'))
    )
    op.create_index('ix_migration_list', 'migration', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_table('migration_item',
    sa.Column('migration_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('problem', sa.JSON(), nullable=True),
    sa.Column('at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_migration_item_instance_id_process_instance')),
    sa.ForeignKeyConstraint(['migration_id'], ['migration.id'], name=op.f('fk_migration_item_migration_id_migration')),
    sa.PrimaryKeyConstraint('migration_id', 'instance_id', name=op.f('pk_migration_item'))
    )
    op.create_index('ix_migration_item_open', 'migration_item', ['migration_id', 'instance_id'], unique=False,
                    sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    mine = "type = 'instance-migration' AND state IN ('running', 'done', 'stopped')"  # what is suspended was not known before
    op.execute(
        "INSERT INTO migration (id, tenant_id, key, source_id, target_id, plan, state, total, created_at, created_by, ended_at) "
        f"SELECT id, tenant_id, key, source_id, target_id, data, state, total, created_at, created_by, ended_at FROM batch WHERE {mine}")
    op.execute(
        "INSERT INTO migration_item (migration_id, instance_id, state, problem, at) SELECT batch_id, instance_id, "
        f"{_other_words({new: old for old, new in STATES.items()})}, problem, at FROM batch_item "
        f"WHERE batch_id IN (SELECT id FROM batch WHERE {mine})")
    op.drop_table('batch_item')
    op.drop_table('batch')


def _other_words(words: dict[str, str]) -> str:
    return "CASE state " + " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in words.items()) + " ELSE state END"
