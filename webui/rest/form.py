"""Values that a client submits as a form: checked by the form's own rules, as on the page."""

from typing import Any

from bpmn import forms as rules
from engine import queries
from webui import actor, pe, posts
from webui.forms import checked
from webui.task import check_links


def submitted(form: bytes | None, values: dict[str, Any], task_id: str | None = None) -> dict[str, Any]:
    """The values with those of the form's fields checked and normalised; others stay as they are, as Camunda has it.

    A field that the form hides or only shows is left out. Invalid with every problem by its field.
    """
    if form is None:
        return values
    schema = rules.read(form)
    case = queries.task_variables(pe(), actor(), task_id) if task_id and posts.needs_case(schema) else {}
    good = checked(schema, values, [], case)
    if task_id is not None:
        check_links(schema, good, {"id": task_id})
        posts.check(schema, good, case)
    keys = {field.key for field in schema.fields()}
    return {name: value for name, value in values.items() if name not in keys} | good
