"""Housekeeping: how long what is kept, and a history that the database lets nobody change"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

# A case's events go only within the transaction in which its disposal is written down; those of the archive's chain stay.
GOES = ("OLD.type <> 'archive.appended' AND EXISTS (SELECT 1 FROM disposal_case"
        " WHERE disposal_case.instance_id = OLD.instance_id AND disposal_case.state = 'going')")
REFUSAL = "the history is append-only"


def upgrade() -> None:
    op.create_table(
        'retention',
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('days', sa.Integer(), nullable=True),
        sa.Column('published', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('set_at', sa.DateTime(), nullable=False),
        sa.Column('set_by', sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_retention_tenant_id_tenant')),
        sa.PrimaryKeyConstraint('tenant_id', 'key', name=op.f('pk_retention')),
    )
    op.create_table(
        'legal_hold',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=True),
        sa.Column('key', sa.String(length=255), nullable=True),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('set_at', sa.DateTime(), nullable=False),
        sa.Column('set_by', sa.String(length=255), nullable=True),
        sa.Column('lifted_at', sa.DateTime(), nullable=True),
        sa.Column('lifted_by', sa.String(length=255), nullable=True),
        sa.Column('lift_reason', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_legal_hold_tenant_id_tenant')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_legal_hold')),
    )
    op.create_index('ix_legal_hold_list', 'legal_hold', ['tenant_id', 'set_at', 'id'])
    standing = {'sqlite_where': sa.text('lifted_at IS NULL'), 'postgresql_where': sa.text('lifted_at IS NULL')}
    op.create_index('ix_legal_hold_case', 'legal_hold', ['instance_id'], **standing)
    op.create_index('ix_legal_hold_key', 'legal_hold', ['tenant_id', 'key'], **standing)
    op.create_table(
        'disposal',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('state', sa.String(length=255), nullable=False),
        sa.Column('reason', sa.Text(), server_default='', nullable=False),
        sa.Column('total', sa.Integer(), nullable=False),
        sa.Column('automatic', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('created_by', sa.String(length=255), nullable=True),
        sa.Column('started_at', sa.DateTime(), nullable=True),
        sa.Column('started_by', sa.String(length=255), nullable=True),
        sa.Column('ended_at', sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_disposal_tenant_id_tenant')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_disposal')),
    )
    op.create_index('ix_disposal_list', 'disposal', ['tenant_id', 'created_at', 'id'])
    op.create_table(
        'disposal_case',
        sa.Column('disposal_id', sa.String(length=36), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=False),
        sa.Column('tenant_id', sa.String(length=255), nullable=False),
        sa.Column('definition_key', sa.String(length=255), nullable=False),
        sa.Column('business_key', sa.String(length=255), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('ended_at', sa.DateTime(), nullable=False),
        sa.Column('state', sa.String(length=255), nullable=False),
        sa.Column('why', sa.String(length=255), nullable=True),
        sa.Column('files', sa.Integer(), server_default='0', nullable=False),
        sa.Column('bytes', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('at', sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(['disposal_id'], ['disposal.id'], name=op.f('fk_disposal_case_disposal_id_disposal')),
        sa.PrimaryKeyConstraint('disposal_id', 'instance_id', name=op.f('pk_disposal_case')),
    )
    op.create_index('ix_disposal_case_state', 'disposal_case', ['disposal_id', 'state', 'instance_id'])
    op.create_index('ix_disposal_case_of', 'disposal_case', ['instance_id'])
    op.create_table(
        'disposal_file',
        sa.Column('disposal_id', sa.String(length=36), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.String(length=255), nullable=False),
        sa.Column('at', sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(['disposal_id'], ['disposal.id'], name=op.f('fk_disposal_file_disposal_id_disposal')),
        sa.PrimaryKeyConstraint('disposal_id', 'sha256', name=op.f('pk_disposal_file')),
    )
    op.create_index('ix_disposal_file_state', 'disposal_file', ['disposal_id', 'state', 'sha256'])
    op.create_index('ix_disposal_file_sha256', 'disposal_file', ['sha256'])
    op.create_index('ix_document_sha256', 'document', ['sha256'])
    op.create_index('ix_notice_case', 'notice', ['instance_id'])
    op.create_index('ix_seen_subject', 'seen', ['subject_id'])
    if op.get_bind().dialect.name == "sqlite":
        _protect_sqlite()
    else:
        _protect_postgresql()


def _protect_sqlite() -> None:
    """A later revision that makes `event` or `audit_seal` anew (batch_alter_table) must make these anew, too."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    op.execute(f"CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event {refuse}")
    op.execute(f"CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event WHEN NOT ({GOES}) {refuse}")
    op.execute(f"CREATE TRIGGER audit_seal_is_never_changed BEFORE UPDATE ON audit_seal {refuse}")
    op.execute(f"CREATE TRIGGER audit_seal_is_never_deleted BEFORE DELETE ON audit_seal {refuse}")


def _protect_postgresql() -> None:
    op.execute(f"CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$")
    op.execute("CREATE FUNCTION refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"IF {GOES} THEN RETURN OLD; END IF; RAISE EXCEPTION '{REFUSAL}'; END $$")
    op.execute("CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_deletion()")
    op.execute("CREATE TRIGGER audit_seal_is_never_changed BEFORE UPDATE OR DELETE ON audit_seal"
               " FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in ("event", "audit_seal"):
        op.execute(f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
                   " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
