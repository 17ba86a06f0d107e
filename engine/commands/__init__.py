"""What can be done to the engine. Each command is one transaction: load, step, apply. `now` is an aware UTC datetime.

A command raises NotFound, Forbidden, Invalid or Conflict (see `bpmn.errors`), and then nothing has happened.
"""

from engine.commands.batches import activate_batch, create_batch, delete_batch, start_batch, suspend_batch
from engine.commands.deferring import defer
from engine.commands.deploying import Deployment, activate_definition, delete_deployment, deploy, suspend_definition
from engine.commands.extending import extend
from engine.commands.instances import Instance, activate_instance, cancel, set_variables, start, suspend_instance
from engine.commands.jobs import (
    deliver_thrown,
    end_job,
    execute_job,
    fail_job,
    fetch_due,
    finish_job,
    fire_timer,
    lease_job,
    postpone_job,
    renew_lease,
    set_job_retries,
    throw_bpmn_error,
)
from engine.commands.mending import annotate_incident, renew_job, resolve_incident, set_due, set_job_due
from engine.commands.messages import broadcast_signal, correlate_message
from engine.commands.migrating import migrate_now, start_migration
from engine.commands.modifying import modify, preview, restart, standing
from engine.commands.rescheduling import Planned, plan, reschedule
from engine.commands.revoking import revoke
from engine.commands.tasks import Completed, assign, claim, complete, delegate, resolve, unclaim

__all__ = [
    "Completed", "Deployment", "Instance", "Planned", "activate_batch", "activate_definition", "activate_instance", "annotate_incident",
    "assign", "broadcast_signal", "cancel", "claim", "complete", "correlate_message", "create_batch", "defer", "delegate",
    "delete_batch", "delete_deployment", "deliver_thrown", "deploy", "end_job", "execute_job", "extend", "fail_job", "fetch_due",
    "finish_job", "fire_timer", "lease_job", "migrate_now", "modify", "plan", "postpone_job", "preview", "renew_job", "renew_lease",
    "reschedule", "resolve", "resolve_incident", "restart", "revoke", "set_due", "set_job_due", "set_job_retries", "set_variables",
    "standing", "start", "start_batch", "start_migration", "suspend_batch", "suspend_definition", "suspend_instance",
    "throw_bpmn_error", "unclaim",
]
