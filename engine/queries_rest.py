"""What Camunda's REST API can list here: deployments, definitions, cases, tasks, activities, jobs, incidents, history.

Names are Camunda's. What has no counterpart here (cases of CMMN, calling instances) finds nothing; what nobody can
filter by (variables, for one) is not declared, and so refused rather than ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal_column, or_, select, true

from engine import access, values, version_life
from engine.batches import MIGRATION, UNDER_WAY
from engine.listing import (
    Filter,
    Listing,
    after,
    at_least,
    at_most,
    before,
    either,
    flag,
    is_,
    is_not,
    is_number,
    like,
    never,
    not_like,
    not_within,
    of_tenant,
    on,
    within,
)
from engine.process_engine import Actor, ProcessEngine
from engine.queries.sight import definitions_seen, instances_seen, tasks_seen
from engine.store import read
from engine.tables import (
    activity,
    batch,
    batch_item,
    candidate,
    definition_group,
    deployment,
    incident,
    job,
    process_definition,
    process_instance,
    resource,
    retention,
)

# Deployments and definitions ------------------------------------------------------------------------------------------

def _of_seen_case(tenant_id: ColumnElement, definition_id: ColumnElement) -> Callable[[Actor], ColumnElement[bool]]:
    """What belongs to a case that the actor sees."""
    return lambda actor: and_(tenant_id == actor.tenant, true() if access.sees_every_case(actor) else definition_id.in_(
        definitions_seen(actor)))


_group = definition_group.c
_d, _def, _pi, _a, _job, _incident = deployment.c, process_definition.c, process_instance.c, activity.c, job.c, incident.c

DEPLOYMENTS = Listing(
    rows=select(deployment), id=_d.id,
    visible=lambda actor: and_(_d.tenant_id == actor.tenant, true() if access.may_see_reports(actor) else false()),
    filters={
        "id": is_(_d.id), "name": is_(_d.name), "nameLike": like(_d.name), "source": is_(_d.source),
        "withoutSource": flag(_d.source.is_(None)), **of_tenant(_d.tenant_id), "includeDeploymentsWithoutTenantId": flag(true()),
        "after": after(_d.deployed_at), "before": before(_d.deployed_at),
    },
    sorts={"id": _d.id, "name": _d.name, "deploymentTime": _d.deployed_at, "tenantId": _d.tenant_id},
    order=(_d.id,),
)

_is_latest = version_life.is_current(version_life.NOW)


def _incident_of(column: ColumnElement, own: ColumnElement) -> Filter:
    return Filter("string", lambda value: exists().where(own, _incident.resolved_at.is_(None), column == value))


def _incident_like(own: ColumnElement) -> Filter:
    return Filter("string", lambda value: exists().where(own, _incident.resolved_at.is_(None), like(_incident.message).condition(value)))


def _incidents(own: ColumnElement) -> dict[str, Filter]:
    return {"incidentId": _incident_of(_incident.id, own), "incidentType": _incident_of(_incident.type, own),
            "incidentMessage": _incident_of(_incident.message, own), "incidentMessageLike": _incident_like(own)}


DEFINITIONS = Listing(
    rows=select(process_definition, retention.c.key.is_not(None).label("has_rule"), retention.c.days).outerjoin(
        retention, (retention.c.tenant_id == _def.tenant_id) & (retention.c.key == _def.key)), id=_def.id,
    visible=lambda actor: and_(_def.tenant_id == actor.tenant, true() if access.sees_every_case(actor) else _def.id.in_(
        select(_group.definition_id).where(_group.group_id.in_(sorted(actor.groups))))),  # sees its cases, or may start one
    filters={
        "processDefinitionId": is_(_def.id), "processDefinitionIdIn": within(_def.id),
        "name": is_(_def.name), "nameLike": like(_def.name), "deploymentId": is_(_def.deployment_id),
        "deployedAfter": after(_def.deployed_at), "deployedAt": on(_def.deployed_at),
        "key": is_(_def.key), "keysIn": within(_def.key), "keyLike": like(_def.key),
        "category": never(), "categoryLike": never(), "version": is_number(_def.version), "latestVersion": flag(_is_latest),
        "resourceName": is_(_def.resource_name), "resourceNameLike": like(_def.resource_name),
        "active": flag(~_def.suspended), "suspended": flag(_def.suspended), **_incidents(_incident.definition_id == _def.id),
        **of_tenant(_def.tenant_id), "includeProcessDefinitionsWithoutTenantId": flag(true()),
        "versionTag": never(), "versionTagLike": never(), "withoutVersionTag": flag(true()),
        "startableInTasklist": flag(true()), "notStartableInTasklist": flag(false()),
    },
    sorts={"category": None, "key": _def.key, "id": _def.id, "name": _def.name, "version": _def.version,
           "deploymentId": _def.deployment_id, "deployTime": _def.deployed_at, "tenantId": _def.tenant_id, "versionTag": None},
    order=(_def.key, _def.version, _def.id),
)


# Cases ----------------------------------------------------------------------------------------------------------------

_names = (_def.name.label("definition_name"), _def.version.label("definition_version"))
_instances = select(*(c for c in _pi if c.name not in ("state", "variables")), *_names).select_from(
    process_instance.join(process_definition, _def.id == _pi.definition_id))
_own_incident = and_(_incident.instance_id == _pi.id, _incident.resolved_at.is_(None))
_open_step = lambda ids: exists().where(_a.instance_id == _pi.id, _a.ended_at.is_(None), _a.activity_id.in_(ids))  # noqa: E731
_sees_case = lambda actor: and_(_pi.tenant_id == actor.tenant, instances_seen(actor))  # noqa: E731

INSTANCES = Listing(
    rows=_instances.where(_pi.ended_at.is_(None)), id=_pi.id, visible=_sees_case, alternatives=True,
    filters={
        "processInstanceIds": within(_pi.id), "businessKey": is_(_pi.business_key), "businessKeyLike": like(_pi.business_key),
        "processDefinitionId": is_(_pi.definition_id), "processDefinitionKey": is_(_pi.definition_key),
        "processDefinitionKeyIn": within(_pi.definition_key), "processDefinitionKeyNotIn": not_within(_pi.definition_key),
        "deploymentId": is_(_def.deployment_id), "active": flag(~_pi.suspended), "suspended": flag(_pi.suspended),
        "withIncident": flag(exists().where(_own_incident)), **_incidents(_incident.instance_id == _pi.id), **of_tenant(_pi.tenant_id),
        "processDefinitionWithoutTenantId": flag(false()), "activityIdIn": Filter("list", _open_step),
        "rootProcessInstances": flag(true()), "leafProcessInstances": flag(true()),
        "superProcessInstance": never(), "subProcessInstance": never(),
        "caseInstanceId": never(), "superCaseInstance": never(), "subCaseInstance": never(),
    },
    sorts={"instanceId": _pi.id, "definitionKey": _pi.definition_key, "definitionId": _pi.definition_id,
           "businessKey": _pi.business_key, "tenantId": _pi.tenant_id},
    order=(_pi.id,),
)

HISTORIC_INSTANCES = Listing(
    rows=_instances, id=_pi.id, visible=_sees_case, alternatives=True,
    filters={
        "processInstanceId": is_(_pi.id), "processInstanceIds": within(_pi.id),
        "processInstanceBusinessKey": is_(_pi.business_key), "processInstanceBusinessKeyIn": within(_pi.business_key),
        "processInstanceBusinessKeyLike": like(_pi.business_key),
        "processDefinitionId": is_(_pi.definition_id), "processDefinitionKey": is_(_pi.definition_key),
        "processDefinitionKeyIn": within(_pi.definition_key), "processDefinitionKeyNotIn": not_within(_pi.definition_key),
        "processDefinitionName": is_(_def.name), "processDefinitionNameLike": like(_def.name),
        "rootProcessInstances": flag(true()), "finished": flag(_pi.ended_at.is_not(None)), "unfinished": flag(_pi.ended_at.is_(None)),
        "withIncidents": flag(exists().where(_incident.instance_id == _pi.id)),
        "withRootIncidents": flag(exists().where(_incident.instance_id == _pi.id)),
        "incidentType": Filter("string", lambda value: exists().where(_incident.instance_id == _pi.id, _incident.type == value)),
        "incidentMessage": Filter("string", lambda value: exists().where(_incident.instance_id == _pi.id, _incident.message == value)),
        "startedBefore": before(_pi.started_at), "startedAfter": after(_pi.started_at),
        "finishedBefore": before(_pi.ended_at), "finishedAfter": after(_pi.ended_at), "startedBy": is_(_pi.started_by),
        "superProcessInstanceId": never(), "subProcessInstanceId": never(), "superCaseInstanceId": never(),
        "subCaseInstanceId": never(), "caseInstanceId": never(), **of_tenant(_pi.tenant_id),
        "executedActivityIdIn": Filter("list", lambda ids: exists().where(
            _a.instance_id == _pi.id, _a.ended_at.is_not(None), _a.activity_id.in_(ids))),
        "activeActivityIdIn": Filter("list", _open_step),
        "active": flag(and_(_pi.ended_at.is_(None), ~_pi.suspended)), "suspended": flag(and_(_pi.ended_at.is_(None), _pi.suspended)),
        "completed": flag(_pi.end_reason == "completed"), "internallyTerminated": flag(false()),
        "externallyTerminated": flag(and_(_pi.ended_at.is_not(None), _pi.end_reason != "completed")),
    },
    sorts={"instanceId": _pi.id, "definitionId": _pi.definition_id, "definitionKey": _pi.definition_key, "definitionName": _def.name,
           "definitionVersion": _def.version, "businessKey": _pi.business_key, "startTime": _pi.started_at, "endTime": _pi.ended_at,
           "tenantId": _pi.tenant_id},
    order=(_pi.id,),
)


# Activities and tasks -------------------------------------------------------------------------------------------------

_activities = select(activity, _pi.definition_key, _pi.business_key, _pi.suspended, _def.name.label("definition_name")).select_from(
    activity.join(process_instance, _pi.id == _a.instance_id).join(process_definition, _def.id == _pi.definition_id))


def _candidate(*conditions: ColumnElement) -> ColumnElement[bool]:
    return exists().where(candidate.c.task_id == _a.id, *conditions)


def _candidate_group(condition: Callable[[Any], ColumnElement], type: str = "string") -> Filter:
    return Filter(type, lambda value: _candidate(candidate.c.kind == "group", condition(value)))


def _sees_task(actor: Actor) -> ColumnElement[bool]:
    return and_(_a.tenant_id == actor.tenant, tasks_seen(actor))


def _unassigned_for_candidates(criteria: Mapping[str, Any]) -> ColumnElement[bool]:
    """Camunda's: who asks for candidates gets unassigned tasks, unless `includeAssignedTasks`."""
    asked = any(criteria.get(name) for name in ("candidateUser", "candidateGroup", "candidateGroups", "candidateGroupLike"))
    return _a.assignee.is_(None) if asked and not criteria.get("includeAssignedTasks") else true()


_user = lambda value: and_(candidate.c.kind == "user", candidate.c.name == value)  # noqa: E731

_task_filters = {
    "processInstanceId": is_(_a.instance_id), "processInstanceBusinessKey": is_(_pi.business_key),
    "processInstanceBusinessKeyIn": within(_pi.business_key), "processInstanceBusinessKeyLike": like(_pi.business_key),
    "processDefinitionId": is_(_a.definition_id), "processDefinitionKey": is_(_pi.definition_key),
    "processDefinitionKeyIn": within(_pi.definition_key), "processDefinitionName": is_(_def.name),
    "processDefinitionNameLike": like(_def.name), "executionId": is_(_a.instance_id), "activityInstanceIdIn": within(_a.id),
    "taskDefinitionKey": is_(_a.activity_id), "taskDefinitionKeyIn": within(_a.activity_id),
    "followUpDate": on(_a.follow_up_at), "followUpBefore": before(_a.follow_up_at), "followUpAfter": after(_a.follow_up_at),
    "caseDefinitionId": never(), "caseDefinitionKey": never(), "caseDefinitionName": never(), "caseInstanceId": never(),
    "caseExecutionId": never(), **of_tenant(_a.tenant_id),
}

TASKS = Listing(
    rows=_activities.where(_a.is_task, _a.ended_at.is_(None)), id=_a.id, visible=_sees_task, alternatives=True,
    by_default=_unassigned_for_candidates,
    filters={
        **_task_filters, "taskId": is_(_a.id), "taskIdIn": within(_a.id), "processInstanceIdIn": within(_a.instance_id),
        "caseDefinitionNameLike": never(), "caseInstanceBusinessKey": never(), "caseInstanceBusinessKeyLike": never(),
        "assignee": is_(_a.assignee), "assigneeLike": like(_a.assignee), "assigneeIn": within(_a.assignee),
        "assigneeNotIn": not_within(_a.assignee), "owner": is_(_a.owner), "parentTaskId": never(),
        "delegationState": Filter("string", lambda value: _a.delegation == value.lower()),
        "candidateGroup": _candidate_group(lambda value: candidate.c.name == value),
        "candidateGroups": _candidate_group(lambda value: candidate.c.name.in_(value), "list"),
        "candidateGroupLike": _candidate_group(lambda value: like(candidate.c.name).condition(value)),
        "candidateUser": Filter("string", lambda value: _candidate(_user(value))),
        "includeAssignedTasks": flag(true()),
        "involvedUser": Filter("string", lambda value: or_(_a.assignee == value, _a.owner == value, _candidate(_user(value)))),
        "assigned": flag(_a.assignee.is_not(None)), "unassigned": flag(_a.assignee.is_(None)),
        "taskDefinitionKeyLike": like(_a.activity_id), "taskDefinitionKeyNotIn": not_within(_a.activity_id),
        "name": is_(_a.name), "nameNotEqual": is_not(_a.name), "nameLike": like(_a.name), "nameNotLike": not_like(_a.name),
        "description": is_(_a.description), "descriptionLike": like(_a.description),
        "priority": is_number(_a.priority), "maxPriority": at_most(_a.priority), "minPriority": at_least(_a.priority),
        "dueDate": on(_a.due_at), "dueAfter": after(_a.due_at), "dueBefore": before(_a.due_at), "withoutDueDate": flag(_a.due_at.is_(None)),
        "followUpBeforeOrNotExistent": Filter("date", lambda value: or_(_a.follow_up_at.is_(None), _a.follow_up_at < value)),
        "createdOn": on(_a.started_at), "createdAfter": after(_a.started_at), "createdBefore": before(_a.started_at),
        "withCandidateGroups": flag(_candidate(candidate.c.kind == "group")),
        "withoutCandidateGroups": flag(~_candidate(candidate.c.kind == "group")),
        "withCandidateUsers": flag(_candidate(candidate.c.kind == "user")),
        "withoutCandidateUsers": flag(~_candidate(candidate.c.kind == "user")),
        "active": flag(~_pi.suspended), "suspended": flag(_pi.suspended),
    },
    sorts={"instanceId": _a.instance_id, "caseInstanceId": None, "dueDate": _a.due_at, "followUpDate": _a.follow_up_at,
           "executionId": _a.instance_id, "caseExecutionId": None, "assignee": _a.assignee, "created": _a.started_at,
           "lastUpdated": _a.started_at, "description": _a.description, "id": _a.id, "name": _a.name,
           "nameCaseInsensitive": func.lower(_a.name), "priority": _a.priority, "tenantId": _a.tenant_id},
    order=(_a.id,),
)

_delete_reason = case((_a.ended_at.is_(None), None), (_a.canceled, "deleted"), else_="completed")

HISTORIC_TASKS = Listing(
    rows=_activities.where(_a.is_task), id=_a.id, visible=_sees_task, alternatives=True,
    filters={
        **_task_filters, "taskId": is_(_a.id), "taskParentTaskId": never(),
        "rootProcessInstanceId": is_(_a.instance_id), "taskName": is_(_a.name), "taskNameLike": like(_a.name),
        "taskDescription": is_(_a.description), "taskDescriptionLike": like(_a.description),
        "taskDeleteReason": is_(_delete_reason),
        "taskDeleteReasonLike": like(_delete_reason),
        "taskAssignee": is_(_a.assignee), "taskAssigneeLike": like(_a.assignee),
        "taskOwner": is_(_a.owner), "taskOwnerLike": like(_a.owner),
        "taskPriority": is_number(_a.priority), "assigned": flag(_a.assignee.is_not(None)), "unassigned": flag(_a.assignee.is_(None)),
        "finished": flag(_a.ended_at.is_not(None)), "unfinished": flag(_a.ended_at.is_(None)),
        "processFinished": flag(_pi.ended_at.is_not(None)), "processUnfinished": flag(_pi.ended_at.is_(None)),
        "taskDueDate": on(_a.due_at), "taskDueDateBefore": before(_a.due_at), "taskDueDateAfter": after(_a.due_at),
        "withoutTaskDueDate": flag(_a.due_at.is_(None)),
        "startedBefore": before(_a.started_at), "startedAfter": after(_a.started_at),
        "finishedBefore": before(_a.ended_at), "finishedAfter": after(_a.ended_at),
        "taskInvolvedUser": Filter("string", lambda value: or_(
            _a.assignee == value, _a.completed_by == value, _a.owner == value, _candidate(_user(value)))),
        "withCandidateGroups": flag(_candidate(candidate.c.kind == "group")),
        "withoutCandidateGroups": flag(~_candidate(candidate.c.kind == "group")),
    },
    sorts={"taskId": _a.id, "activityInstanceId": _a.id, "processDefinitionId": _a.definition_id, "processInstanceId": _a.instance_id,
           "executionId": _a.instance_id, "endTime": _a.ended_at, "startTime": _a.started_at, "taskName": _a.name,
           "taskDescription": _a.description, "assignee": _a.assignee, "owner": _a.owner, "dueDate": _a.due_at,
           "followUpDate": _a.follow_up_at, "deleteReason": _a.canceled, "taskDefinitionKey": _a.activity_id, "priority": _a.priority,
           "caseDefinitionId": None, "caseInstanceId": None, "caseExecutionId": None, "tenantId": _a.tenant_id},
    order=(_a.id,),
)

HISTORIC_ACTIVITIES = Listing(
    rows=_activities, id=_a.id, visible=_of_seen_case(_a.tenant_id, _a.definition_id),
    filters={
        "activityInstanceId": is_(_a.id), "activityInstanceIdIn": within(_a.id), "processInstanceId": is_(_a.instance_id),
        "processInstanceIdIn": within(_a.instance_id), "processDefinitionId": is_(_a.definition_id), "executionId": is_(_a.instance_id),
        "activityId": is_(_a.activity_id), "activityIdIn": within(_a.activity_id), "activityName": is_(_a.name),
        "activityNameLike": like(_a.name), "activityType": is_(_a.type), "taskAssignee": is_(_a.assignee),
        "finished": flag(_a.ended_at.is_not(None)), "unfinished": flag(_a.ended_at.is_(None)), "canceled": flag(_a.canceled),
        "completeScope": flag(_a.type.like("%EndEvent")), "startedBefore": before(_a.started_at), "startedAfter": after(_a.started_at),
        "finishedBefore": before(_a.ended_at), "finishedAfter": after(_a.ended_at), **of_tenant(_a.tenant_id),
    },
    sorts={"activityInstanceId": _a.id, "instanceId": _a.instance_id, "executionId": _a.instance_id, "activityId": _a.activity_id,
           "activityName": _a.name, "activityType": _a.type, "startTime": _a.started_at, "endTime": _a.ended_at,
           "definitionId": _a.definition_id, "occurrence": _a.id, "tenantId": _a.tenant_id},
    order=(_a.id,),
)


# Jobs and incidents ---------------------------------------------------------------------------------------------------

_suspended = func.coalesce(_pi.suspended, False)
_jobs = select(*(c for c in _job if c.name != "payload"), _def.key.label("definition_key"), _suspended.label("suspended")).select_from(
    job.outerjoin(process_definition, _def.id == _job.definition_id).outerjoin(process_instance, _pi.id == _job.instance_id))

JOBS = Listing(
    rows=_jobs.where(_job.state.in_((literal_column("'open'"), literal_column("'failed'")))),  # written out: a partial index serves it
    id=_job.id,
    visible=_of_seen_case(_job.tenant_id, _job.definition_id),
    filters={
        "jobId": is_(_job.id), "jobIds": within(_job.id), "processInstanceId": is_(_job.instance_id),
        "processInstanceIds": within(_job.instance_id), "rootProcessInstanceId": is_(_job.instance_id),
        "executionId": is_(_job.instance_id), "processDefinitionId": is_(_job.definition_id), "processDefinitionKey": is_(_def.key),
        "activityId": is_(_job.activity_id), "failedActivityId": Filter("string", lambda value: and_(
            _job.activity_id == value, _job.error.is_not(None))),
        "jobDefinitionId": is_(_job.activity_id), "withRetriesLeft": flag(_job.retries > 0), "noRetriesLeft": flag(_job.retries <= 0),
        "timers": flag(_job.type.in_(("timer", "timer-start"))), "messages": flag(_job.type.not_in(("timer", "timer-start"))),
        "withException": flag(_job.error.is_not(None)), "exceptionMessage": is_(_job.error),
        "active": flag(_suspended.is_(False)), "suspended": flag(_suspended.is_(True)),
        "priorityLowerThanOrEquals": Filter("integer", lambda value: true() if value >= 0 else false()),
        "priorityHigherThanOrEquals": Filter("integer", lambda value: true() if value <= 0 else false()),
        "acquired": flag(_job.leased_by.is_not(None)), **of_tenant(_job.tenant_id), "includeJobsWithoutTenantId": flag(true()),
    },
    sorts={"jobId": _job.id, "executionId": _job.instance_id, "processInstanceId": _job.instance_id,
           "processDefinitionId": _job.definition_id, "processDefinitionKey": _def.key, "jobPriority": None, "jobRetries": _job.retries,
           "jobDueDate": _job.due_at, "tenantId": _job.tenant_id},
    order=(_job.id,),
)

_b = batch.c
_items = lambda state: select(func.count()).where(  # noqa: E731
    batch_item.c.batch_id == _b.id, batch_item.c.state == state).correlate(batch).scalar_subquery()
_batches = select(batch, _items("open").label("left"), _items("failed").label("failed"))
_failures = exists().where(batch_item.c.batch_id == _b.id, batch_item.c.state == "failed")
_batch_filters = {"batchId": is_(_b.id), "type": is_(_b.type), **of_tenant(_b.tenant_id)}


def _sees_batch(actor: Actor) -> ColumnElement[bool]:
    if not access.may_do_batch(actor, is_migration=True):
        return false()
    return and_(_b.tenant_id == actor.tenant, true() if access.may_do_batch(actor, is_migration=False) else _b.type == MIGRATION)


BATCHES = Listing(
    rows=_batches.where(_b.state.in_(UNDER_WAY)), id=_b.id, visible=_sees_batch,
    filters={
        **_batch_filters, "suspended": either(_b.state == "suspended"), "createdBy": is_(_b.created_by),
        "startedBefore": before(_b.created_at), "startedAfter": after(_b.created_at),
        "withFailures": flag(_failures), "withoutFailures": flag(~_failures),
    },
    sorts={"batchId": _b.id, "tenantId": _b.tenant_id, "startTime": _b.created_at}, order=(_b.id,),
)

HISTORIC_BATCHES = Listing(
    rows=_batches.where(_b.state != "draft"), id=_b.id, visible=_sees_batch,
    filters={**_batch_filters, "completed": either(_b.ended_at.is_not(None))},
    sorts={"batchId": _b.id, "tenantId": _b.tenant_id, "startTime": _b.created_at, "endTime": _b.ended_at}, order=(_b.id,),
)

INCIDENTS = Listing(
    rows=select(incident, _def.key.label("definition_key")).select_from(
        incident.outerjoin(process_definition, _def.id == _incident.definition_id)).where(_incident.resolved_at.is_(None)),
    id=_incident.id, visible=_of_seen_case(_incident.tenant_id, _incident.definition_id),
    filters={
        "incidentId": is_(_incident.id), "incidentType": is_(_incident.type), "incidentMessage": is_(_incident.message),
        "incidentMessageLike": like(_incident.message), "processDefinitionId": is_(_incident.definition_id),
        "processDefinitionKeyIn": within(_def.key), "processInstanceId": is_(_incident.instance_id),
        "executionId": is_(_incident.instance_id), "activityId": is_(_incident.activity_id), "failedActivityId": is_(_incident.activity_id),
        "incidentTimestampBefore": before(_incident.opened_at), "incidentTimestampAfter": after(_incident.opened_at),
        "causeIncidentId": is_(_incident.id), "rootCauseIncidentId": is_(_incident.id), "configuration": is_(_incident.job_id),
        "jobDefinitionIdIn": within(_incident.activity_id), **of_tenant(_incident.tenant_id),
    },
    sorts={"incidentId": _incident.id, "incidentMessage": _incident.message, "incidentTimestamp": _incident.opened_at,
           "incidentType": _incident.type, "executionId": _incident.instance_id, "activityId": _incident.activity_id,
           "processInstanceId": _incident.instance_id, "processDefinitionId": _incident.definition_id, "causeIncidentId": _incident.id,
           "rootCauseIncidentId": _incident.id, "configuration": _incident.job_id, "tenantId": _incident.tenant_id},
    order=(_incident.id,),
)


# What is no list ------------------------------------------------------------------------------------------------------

def resource_content(pe: ProcessEngine, deployment_id: str, resource_id: str) -> bytes:
    """The bytes of a resource of a deployment that the caller was seen to see."""
    with read(pe) as db:
        return db.execute(select(resource.c.content).where(
            resource.c.id == resource_id, resource.c.deployment_id == deployment_id)).scalar_one()


def scopes(pe: ProcessEngine, instance_ids: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The variables of cases that the caller was seen to see, running or ended: case id -> scope id ('' is the case's own) -> values."""
    with read(pe) as db:
        rows = db.execute(select(_pi.id, _pi.variables).where(_pi.id.in_(instance_ids)))
        return {id: values.load(variables) for id, variables in rows}


def candidates(pe: ProcessEngine, task_id: str) -> list[tuple[str, str]]:
    """The (kind, name) of each candidate of an open task that the caller was seen to see."""
    with read(pe) as db:
        return [(row.kind, row.name) for row in db.execute(select(candidate.c.kind, candidate.c.name).where(
            candidate.c.task_id == task_id).order_by(candidate.c.kind, candidate.c.name))]
