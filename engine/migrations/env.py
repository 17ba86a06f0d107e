"""What Alembic runs: our migrations on the connection that `engine.migrations` gives it, in that connection's transaction."""

from alembic import context

from engine.tables import metadata


def render_item(kind, item, autogen_context):
    """Write our types as what they are in the database, so that old revisions do not lean on today's code."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        return "sa.DateTime()"
    return False


context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_item=render_item,
                  compare_type=False, render_as_batch=True, transactional_ddl=True, transaction_per_migration=False)
context.run_migrations()
