"""What can be asked of the engine. Nothing here writes.

Every query is scoped by `actor.tenant` and by what the actor may see (`engine.access`). Rows are dicts, times
aware datetimes. A list gives a `Page`: its `next` is the cursor to pass as `after`, None at the end.
"""

from engine.queries.attempts import attempts, exchanges
from engine.queries.batches import batch, batch_items, batches, chosen_steps, chosen_versions, stuck_again
from engine.queries.definitions import (
    definition,
    definition_resource,
    definition_xml,
    definitions,
    deployment,
    deployment_resources,
    deployments,
    start_form,
)
from engine.queries.instances import (
    activities,
    events,
    instance,
    instance_variables,
    instances,
    open_activities,
    scoped_variables,
)
from engine.queries.jobs import incidents, job, jobs
from engine.queries.lanes import lane_load, lane_tasks
from engine.queries.migrating import between, dry_run, migrations, standing, standing_at
from engine.queries.paging import Page
from engine.queries.publications import publication_board, waiting_for_their_time
from engine.queries.schedule import Schedule, schedule
from engine.queries.tasks import done_tasks, task, task_counts, task_form, task_variables, tasks

__all__ = [
    "Page", "Schedule", "activities", "attempts", "batch", "batch_items", "batches", "between", "chosen_steps", "chosen_versions",
    "definition", "definition_resource", "definition_xml", "definitions", "deployment", "deployment_resources", "deployments",
    "done_tasks", "dry_run", "events", "exchanges", "incidents", "instance", "instance_variables", "instances", "job", "jobs",
    "lane_load", "lane_tasks", "migrations", "open_activities", "publication_board", "schedule", "scoped_variables", "standing",
    "standing_at", "start_form", "stuck_again", "task", "task_counts", "task_form", "task_variables", "tasks", "waiting_for_their_time",
]
