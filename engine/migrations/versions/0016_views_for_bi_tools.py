"""Views for BI tools: `engine.evidence.views` makes them at the end of each upgrade, see `env.py`"""

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
