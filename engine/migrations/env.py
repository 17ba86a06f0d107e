"""What Alembic runs: our migrations on the connection that `engine.migrations` gives it, in that connection's transaction."""

from alembic import context

from engine.evidence import views
from engine.tables import metadata


def render_item(kind, item, autogen_context):
    """Write our types as what they are in the database, so that old revisions do not lean on today's code."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        return "sa.DateTime()"
    return False


db = context.config.attributes["connection"]
readers = views.drop(db)  # no table changes under a view
context.configure(connection=db, target_metadata=metadata, render_item=render_item, compare_type=False, render_as_batch=True,
                  transactional_ddl=True, transaction_per_migration=False)
context.run_migrations()
if context.get_context().get_current_revision() == context.get_head_revision():
    views.create(db, readers)
