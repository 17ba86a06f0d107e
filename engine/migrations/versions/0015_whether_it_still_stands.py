"""Whether it still stands, figures of what was put out, reports by e-mail"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('publication_standing',
                    sa.Column('publication_id', sa.String(length=36), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('channel_id', sa.String(length=255), nullable=False),
                    sa.Column('state', sa.String(length=255), nullable=False),
                    sa.Column('since', sa.DateTime(), nullable=False),
                    sa.Column('seen', sa.String(length=255), nullable=True),
                    sa.Column('seen_at', sa.DateTime(), nullable=True),
                    sa.Column('message', sa.Text(), server_default='', nullable=False),
                    sa.Column('params', sa.JSON(), server_default='{}', nullable=False),
                    sa.Column('found', sa.String(length=64), nullable=True),
                    sa.Column('accepted', sa.String(length=64), nullable=True),
                    sa.Column('stood_at', sa.DateTime(), nullable=True),
                    sa.Column('checked_at', sa.DateTime(), nullable=True),
                    sa.Column('check_at', sa.DateTime(), nullable=True),
                    sa.Column('leased_until', sa.DateTime(), nullable=True),
                    sa.ForeignKeyConstraint(['publication_id'], ['publication.id'],
                                            name=op.f('fk_publication_standing_publication_id_publication')),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_publication_standing_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('publication_id', name=op.f('pk_publication_standing'))
                    )
    with op.batch_alter_table('publication_standing') as batch_op:
        batch_op.create_index('ix_publication_standing_drifted', ['tenant_id', 'state', 'publication_id'],
                              sqlite_where=sa.text("state IN ('changed', 'gone', 'unreachable')"),
                              postgresql_where=sa.text("state IN ('changed', 'gone', 'unreachable')"))
        batch_op.create_index('ix_publication_standing_due', ['check_at', 'publication_id'],
                              sqlite_where=sa.text('check_at IS NOT NULL'), postgresql_where=sa.text('check_at IS NOT NULL'))
    op.create_table('standing_tally',
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('channel_id', sa.String(length=255), nullable=False),
                    sa.Column('state', sa.String(length=255), nullable=False),
                    sa.Column('count', sa.BigInteger(), nullable=False),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_standing_tally_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('tenant_id', 'channel_id', 'state', name=op.f('pk_standing_tally'))
                    )
    op.create_table('report_subscription',
                    sa.Column('id', sa.String(length=36), nullable=False),
                    sa.Column('tenant_id', sa.String(length=255), nullable=False),
                    sa.Column('report', sa.String(length=255), nullable=False),
                    sa.Column('key', sa.String(length=255), nullable=False),
                    sa.Column('every', sa.String(length=255), nullable=False),
                    sa.Column('form', sa.String(length=255), nullable=False),
                    sa.Column('recipients', sa.JSON(), nullable=False),
                    sa.Column('since', sa.Date(), nullable=False),
                    sa.Column('next_at', sa.DateTime(), nullable=True),
                    sa.Column('created_at', sa.DateTime(), nullable=False),
                    sa.Column('created_by', sa.String(length=255), nullable=True),
                    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_report_subscription_tenant_id_tenant')),
                    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_subscription'))
                    )
    with op.batch_alter_table('report_subscription') as batch_op:
        batch_op.create_index('ix_report_subscription_due', ['next_at', 'id'],
                              sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
        batch_op.create_index('ix_report_subscription_list', ['tenant_id', 'id'],
                              sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_table('report_delivery',
                    sa.Column('subscription_id', sa.String(length=36), nullable=False),
                    sa.Column('since', sa.Date(), nullable=False),
                    sa.Column('until', sa.Date(), nullable=False),
                    sa.Column('told_at', sa.DateTime(), nullable=False),
                    sa.Column('recipients', sa.Integer(), nullable=False),
                    sa.ForeignKeyConstraint(['subscription_id'], ['report_subscription.id'],
                                            name=op.f('fk_report_delivery_subscription_id_report_subscription')),
                    sa.PrimaryKeyConstraint('subscription_id', 'since', name=op.f('pk_report_delivery'))
                    )
    _watch_what_stands()
    _count_anew()


def _watch_what_stands() -> None:
    """What went out within a year of the latest is looked at from now on; what is older was never looked at, and is left so."""
    p = sa.table('publication', *(sa.column(name) for name in ('id', 'tenant_id', 'channel_id', 'state', 'url')),
                 sa.column('published_at', sa.DateTime()))
    latest = op.get_bind().scalar(sa.select(sa.func.max(p.c.published_at)))
    if latest is not None:
        s = sa.table('publication_standing', *(sa.column(name) for name in (
            'publication_id', 'tenant_id', 'channel_id', 'state', 'since', 'check_at')))
        what = sa.select(p.c.id, p.c.tenant_id, p.c.channel_id, sa.literal_column("'new'"), p.c.published_at, p.c.published_at)
        op.execute(s.insert().from_select(list(s.c), what.where(
            p.c.state.in_(('published', 'scheduled')), p.c.published_at > latest - dt.timedelta(days=365),
            p.c.url.not_like('https://contoh.invalid/%'))))


def _count_anew() -> None:
    """The evidence's sums hold channels and classes now: the worker counts all ended cases again, by and by."""
    for table in ('evidence_case', 'evidence_cell', 'evidence_variant', 'evidence_return'):
        op.execute(sa.delete(sa.table(table)))
    op.execute("DELETE FROM evidence_wording WHERE category_id = ''")
    op.execute('UPDATE evidence_wording SET count = 0')
    op.execute('UPDATE process_instance SET counted = false WHERE counted')


def downgrade() -> None:
    op.drop_table('report_delivery')
    op.drop_table('report_subscription')
    op.drop_table('standing_tally')
    op.drop_table('publication_standing')
