"""Migration plans: generated, validated, and executed at once or by the worker, as Camunda 7.24's `/migration` says."""

from flask import Response

from bpmn.errors import Invalid
from engine import commands, queries
from engine.commands.migrating import MOST_AT_ONCE
from engine.migration_plan import Plan
from engine.queries.migrating import Between
from webui.errors import message_of
from webui.rest.batch import BATCH, cases_named, show_batch
from webui.rest.declare import BOOLEAN, STRING, Call, array, named, operation, optional
from webui.rest.errors import BadRequest, reply

TAG = "Migration"
BODY = "#multiInstanceBody"
ONE = {"type": "array", "items": STRING, "minItems": 1, "maxItems": 1}
INSTRUCTION = named("MigrationInstruction", {
    "sourceActivityIds": ONE, "targetActivityIds": ONE, "updateEventTrigger": optional(BOOLEAN)},
    required=("sourceActivityIds", "targetActivityIds"))
VARIABLES = {"type": ["object", "null"], "maxProperties": 0}
_VERSIONS = {"sourceProcessDefinitionId": STRING, "targetProcessDefinitionId": STRING}
PLAN = named("MigrationPlan", {
    **_VERSIONS, "instructions": {"type": "array", "items": INSTRUCTION, "maxItems": 10_000}, "variables": VARIABLES},
    required=(*_VERSIONS, "instructions"))
GENERATION = named("MigrationPlanGeneration", {**_VERSIONS, "updateEventTriggers": optional(BOOLEAN), "variables": VARIABLES},
                   required=tuple(_VERSIONS))
REPORT = named("MigrationPlanReport", {
    "instructionReports": array(named("MigrationInstructionValidationReport", {"instruction": INSTRUCTION, "failures": array(STRING)})),
    "variableReports": {"type": "object"}})
EXECUTION = named("MigrationExecution", {
    "migrationPlan": PLAN, "processInstanceIds": optional({"type": "array", "items": STRING, "maxItems": 10_000}),
    "processInstanceQuery": optional({"$ref": "#/components/schemas/ProcessInstanceQuery"}), "skipCustomListeners": optional(BOOLEAN),
    "skipIoMappings": optional(BOOLEAN)}, required=("migrationPlan",))


@operation("POST", "/migration/generate", tag=TAG, summary="The plan of what two versions have in common", body=GENERATION, result=PLAN)
def generate(call: Call) -> dict:
    found = _between(call, call.body)
    update = bool(call.body.get("updateEventTriggers"))
    instructions = []
    for source, target in found.propose(guess=False).plan.activities.items():
        place = found.before[source]
        instructions.append(_instruction(source, target, update and (place.listens or "Catch" in place.kind or "Timer" in place.kind)))
        if place.loop:
            instructions.append(_instruction(source + BODY, target + BODY, False))
    return {**{name: call.body[name] for name in _VERSIONS}, "instructions": instructions, "variables": None}


@operation("POST", "/migration/validate", tag=TAG, summary="What is wrong with a plan", body=PLAN, result=REPORT)
def validate(call: Call) -> dict:
    return {"instructionReports": _reports(_between(call, call.body), call.body), "variableReports": {}}


@operation("POST", "/migration/execute", tag=TAG, summary=f"Migrate up to {MOST_AT_ONCE} cases at once, all or none", body=EXECUTION)
def execute(call: Call) -> Response | None:
    plan = call.body["migrationPlan"]
    found = _between(call, plan)
    if reports := _reports(found, plan):
        return _refused_plan(reports)
    ids = cases_named(call)
    try:
        commands.migrate_now(call.pe, call.actor, call.now, found.source.id, found.target.id, _plan(plan), ids, why="REST")
    except Invalid as problem:
        if not problem.problems:
            raise
        return _refused_cases(problem)
    return None


@operation("POST", "/migration/executeAsync", tag=TAG, summary="Migrate cases by the worker", body=EXECUTION, result=BATCH)
def execute_async(call: Call) -> dict | Response:
    plan = call.body["migrationPlan"]
    found = _between(call, plan)
    if reports := _reports(found, plan):
        return _refused_plan(reports)
    id = commands.start_migration(
        call.pe, call.actor, call.now, found.source.id, found.target.id, _plan(plan), why="REST",
        instance_ids=cases_named(call))
    return show_batch(call, id)


# Within ---------------------------------------------------------------------------------------------------------------

def _between(call: Call, versions: dict) -> Between:
    return queries.between(call.pe, call.actor, versions["sourceProcessDefinitionId"], versions["targetProcessDefinitionId"])


def _instruction(source: str, target: str, update: bool) -> dict:
    return {"sourceActivityIds": [source], "targetActivityIds": [target], "updateEventTrigger": update}


def _plan(body: dict) -> Plan:
    """The plan of a request. A multi-instance body goes where its activity goes: its own instruction must say the same."""
    activities: dict[str, str] = {}
    renew = set()
    for each in body["instructions"]:
        source, target = each["sourceActivityIds"][0], each["targetActivityIds"][0]
        if source.endswith(BODY) != target.endswith(BODY):
            raise BadRequest(f"A multi-instance body must be mapped to one: '{source[:80]}'")
        source, target = source.removesuffix(BODY), target.removesuffix(BODY)
        if activities.setdefault(source, target) != target:
            raise BadRequest(f"There are multiple mappings for source activity id '{source[:80]}'")
        if each.get("updateEventTrigger"):
            renew.add(source)
    return Plan(activities, frozenset(renew))


def _reports(found: Between, body: dict) -> list[dict]:
    by_source = {each["sourceActivityIds"][0].removesuffix(BODY): each for each in reversed(body["instructions"])}
    failures: dict[str, list[str]] = {}
    for finding in found.check(_plan(body)):
        if finding.severity == "error":
            failures.setdefault(finding.element, []).append(message_of(Invalid(finding.message, **finding.params)))
    return [{"instruction": by_source[source], "failures": texts} for source, texts in failures.items()]


def _refused_plan(reports: list[dict]) -> Response:
    message = "; ".join(text for report in reports for text in report["failures"])
    return reply(400, "MigrationPlanValidationException", message, validationReport={"instructionReports": reports, "variableReports": {}})


def _refused_cases(problem: Invalid) -> Response:
    """Camunda tells of the first case that cannot go; so does this, and of the others in the message."""
    first = problem.problems[0]
    place = first.where.get("element", "")
    return reply(400, "MigratingProcessInstanceValidationException",
                 "; ".join([message_of(problem), *(f"{p.where['field']}: {message_of(p)}" for p in problem.problems)]), validationReport={
        "processInstanceId": first.where["field"], "failures": [] if place else [message_of(first)],
        "activityInstanceValidationReports": [{"sourceScopeId": place, "failures": [message_of(first)]}] if place else [],
        "transitionInstanceValidationReports": []})
