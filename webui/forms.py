"""A form-js form on the page: fields by WTForms, rules by `bpmn.forms`, so that it works without JavaScript.

Names on the page carry the prefix `v-`, so that a process variable may be called anything. A file field holds what is
already in the archive as hidden values, and takes more; what was uploaded with a form that was refused is not lost.
"""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import wtforms
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict
from wtforms import widgets
from wtforms.fields.choices import SelectChoice
from wtforms.form import BaseForm

from bpmn import forms as rules
from bpmn.errors import N_, Invalid, NotFound
from engine import documents, media, queries, settings
from webui import actor, decisions, names, now, pe
from webui.errors import message_of

PREFIX = "v-"
MEMBERS = "anggota_"  # a select whose valuesKey is `anggota_pelaksana` offers the people of the group `pelaksana`


@dataclass
class Page:
    """A form as a template shows it."""

    schema: rules.Form
    fields: BaseForm
    values: dict[str, Any]
    shown: set[str]
    errors: dict[str, str] = field(default_factory=dict)
    decision: decisions.Decision | None = None  # made by buttons, which the task page shows at the form's end

    def label(self, key: str) -> str:
        return next((f.label for f in self.schema.fields() if f.key == key), key)

    @property
    def takes_files(self) -> bool:
        return any(f.type == "filepicker" for f in self.schema.fields())


class Several(wtforms.SelectMultipleField):
    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()


def start_form(definition_id: str) -> rules.Form | None:
    """The form of a definition's start event; None where it has none."""
    content = queries.start_form(pe(), actor(), definition_id)
    return rules.read(content) if content else None


def sources(form: rules.Form) -> dict[str, tuple[rules.Option, ...]]:
    """The options of fields that take them from outside: the people of a group."""
    wanted = {f.options_from for f in form.fields() if f.options_from.startswith(MEMBERS)}
    return {key: tuple(rules.Option(id, name) for id, name in names.members(key.removeprefix(MEMBERS).replace("_", "-")).items())
            for key in wanted}


def page(form: rules.Form, values: dict[str, Any], *, options: dict[str, tuple[rules.Option, ...]] | None = None,
         problem: Invalid | None = None, variables: dict[str, Any] | None = None, by_buttons: bool = False) -> Page:
    """The form holding `values`, each as `rules.validate` gives or as a browser sent it, with the problems by field;
    `variables` are the case's, for conditions that ask for them. `by_buttons`: its decision is asked for by buttons."""
    options = sources(form) if options is None else options
    fields = BaseForm({f.key: _field(f, options) for f in form.fields()}, prefix=PREFIX)
    fields.process(data={f.key: _shown_value(f, values.get(f.key)) for f in form.fields()})
    errors = {str(p.where["field"]): message_of(p) for p in (problem.problems or [problem])
              if p.where.get("field")} if problem else {}
    decision = decisions.decision(form, values, variables or {}, settings.get(pe(), actor().tenant)["phrases"]) if by_buttons else None
    return Page(form, fields, values, form.shown(values, variables), errors, decision)


def submitted(form: rules.Form, sent: MultiDict | ImmutableMultiDict) -> dict[str, Any]:
    """What a browser sent, keyed by field, as `rules.validate` takes it; files as the values of documents already kept."""
    found: dict[str, Any] = {}
    for each in form.fields():
        name = PREFIX + each.key
        if each.type == "checkbox":
            found[each.key] = name in sent
        elif each.type in ("checklist", "taglist"):
            found[each.key] = sent.getlist(name)
        elif each.type == "filepicker":
            found[each.key] = _kept(name, sent)
        else:
            found[each.key] = sent.get(name)
    return found


def take_files(form: rules.Form, files: MultiDict | ImmutableMultiDict, values: dict[str, Any], task_id: str | None) -> list[Invalid]:
    """Put the files that came with the form into the archive and add them to `values`, or in the place of the document
    whose newer version they are; returns what was refused."""
    problems = []
    for each in form.fields():
        if each.type != "filepicker" or each.readonly:
            continue
        came: list[tuple[str | None, FileStorage]] = [(None, file) for file in files.getlist(PREFIX + each.key)]
        came += [(value["document"], file) for value in values[each.key]
                 for file in files.getlist(f"{PREFIX}{each.key}-replace-{value['document']}")]
        for replaces, file in came:
            if not file.filename:
                continue
            try:
                taken = take_file(each, file, task_id, replaces)
            except Invalid as problem:
                problems.append(problem)
                continue
            if replaces:
                values[each.key] = [_newer(value, taken) if value["document"] == replaces else value for value in values[each.key]]
            else:
                values[each.key] = [*values[each.key], taken] if each.multiple else [taken]
    return problems


def _newer(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The newer version, with the words for who does not see it, until somebody writes others."""
    return new | ({"alt": old["alt"]} if old.get("alt") else {})


def take_file(each: rules.Field, file: FileStorage, task_id: str | None, replaces: str | None = None) -> dict[str, Any]:
    """Keep one upload for a field: Invalid when it is not of a kind that the field takes."""
    taken = documents.store_upload(pe(), actor(), now(), stream=cast(BinaryIO, file.stream), name=file.filename or "",
                                   variable=each.key, task_id=task_id, replaces=replaces)
    return fitting(each, taken)


def fitting(each: rules.Field, taken: dict[str, Any]) -> dict[str, Any]:
    """The document, if it is of a kind that the field takes; Invalid otherwise."""
    accepted = {part.strip().lower() for part in each.accept.split(",") if part.strip().startswith(".")}
    if accepted and not accepted & set(media.TYPES[taken["media_type"]]):
        raise Invalid(N_("%(name)s: di sini hanya %(accept)s."), field=each.key, name=taken["name"], accept=", ".join(sorted(accepted)))
    return taken


def file_field(schema: rules.Form | None, variable: str) -> rules.Field:
    """The form's field that takes files for a variable; NotFound where it has none."""
    found = next((f for f in schema.fields() if f.key == variable and f.type == "filepicker" and not f.readonly), None) if schema else None
    if found is None:
        raise NotFound(N_("Isian dokumen ini tidak ada."))
    return found


def checked(schema: rules.Form, values: dict[str, Any], refused: list[Invalid], variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """The values as the process takes them; Invalid with all problems at once, those of the files included."""
    try:
        good = rules.validate(schema, values, sources=sources(schema), zone=str(pe().timezone), variables=variables)
    except Invalid as problem:
        about = {p.where.get("field") for p in refused}
        raise Invalid(problem.message, problems=refused + [p for p in problem.problems if p.where.get("field") not in about]) from problem
    if refused:
        raise Invalid(refused[0].message, problems=refused)
    return good


def readable(form: rules.Form, values: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """(kind, label, value) of every filled field, as a person reads it: choices by their labels.

    Kinds: text, long, markdown, list, files, flag.
    """
    options = sources(form) if any(f.options_from and values.get(f.key) for f in form.fields()) else {}
    found = []
    for each in form.fields():
        value = values.get(each.key)
        if value in (None, "", [], False) or each.key not in values:
            continue
        found.append((_kind(each), each.label, _read(each, value, options)))
    return found


def _kind(each: rules.Field) -> str:
    if each.key == "isi":  # what is published is written in Markdown
        return "markdown"
    return {"textarea": "long", "checklist": "list", "taglist": "list", "filepicker": "files", "checkbox": "flag"}.get(each.type, "text")


def _read(each: rules.Field, value: Any, options: dict) -> Any:
    from webui import view

    labels = {o.value: o.label for o in (options.get(each.options_from, ()) if each.options_from else each.options)}
    if each.type in ("checklist", "taglist") and isinstance(value, list):
        return [labels.get(str(v), str(v)) for v in value]
    if each.type in ("select", "radio"):
        return labels.get(str(value), str(value))
    if each.type == "datetime" and isinstance(value, str):
        moment = _moment(value)
        if isinstance(moment, dt.datetime):
            return view.moment(moment)
        return view.day(moment) if moment else value
    return value


def _moment(text: str) -> dt.datetime | dt.date | None:
    try:
        return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)
    except ValueError:
        return None


def _field(each: rules.Field, options: dict[str, tuple[rules.Option, ...]]) -> Any:
    choices = [SelectChoice(o.value, o.label) for o in (options.get(each.options_from, ()) if each.options_from else each.options)]
    match each.type:
        case "textarea":
            return wtforms.TextAreaField(each.label)
        case "checkbox":
            return wtforms.BooleanField(each.label)
        case "checklist" | "taglist":
            return Several(each.label, choices=choices)
        case "radio":
            return wtforms.RadioField(each.label, choices=choices)
        case "select":
            none = SelectChoice("", _("Pilih…") if each.required else _("Tidak ditentukan"))
            return wtforms.SelectField(each.label, choices=[none, *choices])
        case "filepicker":
            return wtforms.MultipleFileField(each.label) if each.multiple else wtforms.FileField(each.label)
        case "datetime":
            kind = {"date": widgets.DateInput, "time": widgets.TimeInput}.get(each.subtype, widgets.DateTimeLocalInput)
            return wtforms.StringField(each.label, widget=kind())
        case _:
            return wtforms.StringField(each.label, widget=widgets.TextInput())


def _shown_value(each: rules.Field, value: Any) -> Any:
    if each.type == "datetime" and each.subtype not in ("date", "time") and isinstance(value, str):
        moment = _moment(value)
        if isinstance(moment, dt.datetime) and moment.tzinfo:  # a browser's field knows no zone: the office's is meant
            return moment.astimezone(ZoneInfo(str(pe().timezone))).strftime("%Y-%m-%dT%H:%M")
    if each.type in ("checklist", "taglist"):
        return [str(v) for v in value] if isinstance(value, list) else []
    if each.type == "checkbox":
        return value is True
    if each.type == "filepicker":
        return None
    return "" if value is None else str(value)


def _kept(name: str, sent: MultiDict | ImmutableMultiDict) -> list[dict[str, Any]]:
    """The documents that a file field names; only their id and alternative text count, the archive knows the rest."""
    found, dropped = [], set(sent.getlist(f"{name}-drop"))
    for text in sent.getlist(f"{name}-kept")[:200]:
        try:
            value = json.loads(text)
            document = {"document": str(value["document"]), "name": str(value["name"]), "media_type": str(value["media_type"]),
                        "size": int(value["size"]), "sha256": str(value["sha256"])}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        alt = (sent.get(f"{name}-alt-{document['document']}") or "").strip()[:500]
        if document["document"] not in dropped:
            found.append(document | ({"alt": alt} if alt else {}))
    return found
