"""Forms in form-js' schema (`.form` files): read, and checked on the server.

A form is what the Camunda modelers edit; Terbit renders it on the server and never trusts the browser's checks.
Of form-js' components these are known: textfield, textarea, number, datetime, checkbox, checklist, taglist, select,
radio, filepicker, text, separator, spacer and group. Anything else is refused when the form is deployed.

Custom `properties` carry what form-js has no word for: `wajib` (what to say when a required field is empty, such as
the law's ground), `tolak` (a value that is refused) with `alasan` (why), `alt` = `wajib` (of a filepicker: every picture
says what it shows), `teks_kanal` (the channel whose own text this is, counted as that channel counts), and `periksa_judul`
(of a link: the page behind it must hold the title in the variable named here) with `kecuali` (unless this field gives a reason),
and `tombol` (of a radio: the words on the buttons that decide by one click, in the order of its options).

Values are JSON: text as str, number as int or float, checkbox as bool, checklist and taglist as list[str],
date as 'YYYY-MM-DD', time as 'HH:MM', datetime as ISO 8601 with offset, filepicker as a list of file values
({document, name, media_type, size, sha256}, of a picture with `alt`). An empty field is None, an empty list [].
"""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bpmn import expressions
from bpmn.errors import N_, Invalid

INPUTS = {"textfield", "textarea", "number", "datetime", "checkbox", "checklist", "taglist", "select", "radio", "filepicker"}
DISPLAYS = {"text", "separator", "spacer"}
CHOICES = {"checklist", "taglist", "select", "radio"}
MAX_TEXT = 100_000  # characters; more than any text that an office publishes, and half of what an expression may hold


@dataclass(frozen=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """One component of a form; `type` is form-js' name for it. A display has no key."""

    type: str
    key: str = ""
    label: str = ""
    description: str = ""
    text: str = ""  # of a display: Markdown
    required: bool = False
    readonly: bool = False
    default: Any = None
    options: tuple[Option, ...] = ()
    options_from: str = ""  # form-js' valuesKey: the options are given with the data under this name
    subtype: str = ""  # of a datetime: 'date', 'time', 'datetime'
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    pattern_message: str = ""
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    multiple: bool = False  # of a filepicker
    accept: str = ""
    hide: str = ""  # a condition: where it is true, the field is neither shown nor taken
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_input(self) -> bool:
        return self.type in INPUTS


@dataclass(frozen=True)
class Group:
    label: str
    items: "tuple[Field | Group, ...]"
    hide: str = ""


@dataclass(frozen=True)
class Form:
    id: str
    items: tuple[Field | Group, ...]

    def fields(self) -> list[Field]:
        """Return every input, in the order in which it is asked."""
        return [f for f, _ in _walk(self.items) if f.is_input]

    @cached_property
    def outside(self) -> frozenset[str]:
        """The variables that conditions ask for and that are no fields of the form."""
        read = {name for _, conditions in _walk(self.items) for condition in conditions for name in expressions.check(condition)}
        return frozenset(read - {f.key for f in self.fields()})

    def shown(self, values: Mapping[str, Any], variables: Mapping[str, Any] | None = None) -> set[str]:
        """Return the keys of the inputs that are shown when the form holds `values` in a case that holds `variables`."""
        outside = {name: (variables or {}).get(name) for name in self.outside}
        names = outside | {f.key: None for f in self.fields()} | dict(values)
        return {f.key for f, conditions in _walk(self.items)
                if f.is_input and not any(expressions.evaluate(c, names) for c in conditions)}


@lru_cache(maxsize=512)
def read(content: bytes, file: str = "") -> Form:
    """Read a form-js schema.

    Raises `Invalid`, with the file and the field, when it is not one or uses what Terbit does not know.
    """
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise Invalid(N_("Formulir %(name)s bukan JSON yang benar: %(problem)s"), file=file, name=file, problem=str(problem)) from problem
    if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
        raise Invalid(N_("Formulir %(name)s bukan skema form-js: tidak ada `components`."), file=file, name=file)
    form = Form(str(schema.get("id", "")), _items(schema["components"], file))
    keys = [f.key for f in form.fields()]
    for key in {k for k in keys if keys.count(k) > 1}:
        raise Invalid(N_("Formulir %(name)s memakai kunci “%(key)s” lebih dari sekali."), file=file, field=key, name=file, key=key)
    return form


def validate(form: Form, submitted: Mapping[str, Any], *, sources: Mapping[str, tuple[Option, ...]] | None = None,
             zone: str = "Asia/Jakarta", variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the values of every input that is shown, checked and normalised.

    `submitted` holds what a browser sent, keyed by field: text, or lists for choices and files. `sources` gives the
    options of fields that take them from outside (`options_from`); a local time without offset is one of `zone`;
    `variables` are the case's, for conditions that ask for what is no field of the form. Read-only fields are left out.
    Raises `Invalid` whose `problems` name each wrong field.
    """
    values, problems = {}, []
    for each in form.fields():
        if each.readonly:
            continue
        try:
            values[each.key] = _value(each, submitted.get(each.key), sources or {}, zone)
        except Invalid as problem:
            problems.append(problem)
            values[each.key] = None
    shown = form.shown(dict(submitted) | values, variables)
    problems = [p for p in problems if p.where["field"] in shown]
    problems += [p for f in form.fields() if f.key in shown and f.key in values
                 if f.key not in {p.where["field"] for p in problems} and (p := _missing_or_refused(f, values[f.key]))]
    if problems:
        order = [f.key for f in form.fields()]
        problems.sort(key=lambda p: order.index(str(p.where["field"])))
        raise Invalid(N_("Isian belum lengkap atau belum benar."), problems=problems)
    return {key: value for key, value in values.items() if key in shown}


def initial(form: Form, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form shows before anyone typed: the case's variables, else each field's default."""
    return {f.key: variables[f.key] if variables.get(f.key) is not None else f.default for f in form.fields()}


def _walk(items, conditions: tuple[str, ...] = ()) -> Iterator[tuple[Field, tuple[str, ...]]]:
    for item in items:
        own = conditions + ((item.hide,) if item.hide else ())
        if isinstance(item, Group):
            yield from _walk(item.items, own)
        else:
            yield item, own


def _items(components: list, file: str, depth: int = 0) -> tuple[Field | Group, ...]:
    if depth > 8:
        raise Invalid(N_("Formulir %(name)s bersarang terlalu dalam."), file=file, name=file)
    return tuple(_group(c, file, depth) if isinstance(c, dict) and c.get("type") == "group" else _field(c, file)
                 for c in components if not (isinstance(c, dict) and c.get("type") == "button"))


def _group(component: dict, file: str, depth: int) -> Group:
    return Group(str(component.get("label", "")), _items(component.get("components") or [], file, depth + 1), _condition(component, file))


def _field(component: Any, file: str) -> Field:
    kind = component.get("type") if isinstance(component, dict) else None
    key = str(component.get("key", "")) if isinstance(component, dict) else ""
    if kind not in INPUTS | DISPLAYS:
        raise Invalid(N_("Formulir %(name)s memakai isian jenis “%(kind)s”, yang tidak didukung."),
                      file=file, field=key, name=file, kind=str(kind))
    if kind in INPUTS and not key.isidentifier():
        raise Invalid(N_("Formulir %(name)s: kunci “%(key)s” harus berupa nama variabel."), file=file, field=key, name=file, key=key)
    checks = component.get("validate") or {}
    _pattern(checks.get("pattern"), file, key)
    return Field(
        type=kind, key=key, label=str(component.get("label") or component.get("dateLabel") or component.get("timeLabel") or key),
        description=str(component.get("description") or ""), text=str(component.get("text") or ""),
        required=bool(checks.get("required")), readonly=bool(component.get("readonly") or component.get("disabled")),
        default=component.get("defaultValue"), options=_options(component), options_from=str(component.get("valuesKey") or ""),
        subtype=str(component.get("subtype") or ("date" if kind == "datetime" else "")),
        min_length=checks.get("minLength"), max_length=checks.get("maxLength"),
        pattern=str(checks.get("pattern") or ""), pattern_message=str(checks.get("patternErrorMessage") or ""),
        minimum=checks.get("min"), maximum=checks.get("max"), decimals=component.get("decimalDigits"),
        multiple=bool(component.get("multiple")), accept=str(component.get("accept") or ""), hide=_condition(component, file),
        properties={str(k): str(v) for k, v in (component.get("properties") or {}).items()},
    )


def _options(component: dict) -> tuple[Option, ...]:
    return tuple(Option(str(v.get("value", "")), str(v.get("label") or v.get("value", "")))
                 for v in component.get("values") or [] if isinstance(v, dict))


def _pattern(pattern: Any, file: str, key: str) -> None:
    # A pattern runs against what strangers type: nested repetition could run for ever, so it is refused outright.
    if pattern and (len(str(pattern)) > 200 or re.search(r"[*+}]\)*[*+{]", str(pattern)) or _not_a_pattern(pattern)):
        raise Invalid(N_("Formulir %(name)s: pola pada “%(key)s” tidak dapat dipakai."), file=file, field=key, name=file, key=key)


def _not_a_pattern(pattern: Any) -> bool:
    try:
        re.compile(str(pattern))
    except re.error:
        return True
    return False


def _condition(component: dict, file: str) -> str:
    """Return form-js' `conditional.hide`, which is FEEL, as one of our expressions: `=` compares, where ours is `==`, and
    `list contains(kanal, "x")` is `"x" in (kanal or [])`."""
    hide = (component.get("conditional") or {}).get("hide")
    if not hide:
        return ""
    condition = re.sub(r"(?<![!<>=])=(?!=)", "==", str(hide).strip().removeprefix("=")).strip()
    condition = re.sub(r"\blist contains\(\s*(\w+)\s*,\s*(\w+|\"[^\"]*\")\s*\)", r"(\2 in (\1 or []))", condition)
    try:
        expressions.check(condition)
    except Invalid as problem:
        raise Invalid(N_("Formulir %(name)s: syarat tampil “%(hide)s” tidak dapat dibaca."), file=file,
                      field=str(component.get("key", "")), name=file, hide=str(hide)) from problem
    return condition


def _value(each: Field, raw: Any, sources: Mapping[str, tuple[Option, ...]], zone: str) -> Any:
    match each.type:
        case "checkbox":
            return raw in (True, "true", "on", "1", "yes")
        case "checklist" | "taglist" | "select" | "radio":
            return _chosen(each, raw, sources)
        case "filepicker":
            files = raw if isinstance(raw, list) else [raw] if raw else []
            return files if each.multiple else files[-1:]
        case "number":
            return _number(each, raw)
        case "datetime":
            return _moment(each, raw, zone)
        case _:
            return _text(each, raw)


def _chosen(each: Field, raw: Any, sources: Mapping[str, tuple[Option, ...]]) -> Any:
    options = sources.get(each.options_from, ()) if each.options_from else each.options
    allowed = {o.value for o in options}
    chosen = [str(v) for v in (raw if isinstance(raw, list) else [raw]) if v not in (None, "")]
    for value in chosen:
        if value not in allowed:
            raise Invalid(N_("“%(value)s” bukan salah satu pilihan."), field=each.key, value=value[:80])
    if each.type in ("checklist", "taglist"):
        return list(dict.fromkeys(chosen))
    return chosen[0] if chosen else None


def _number(each: Field, raw: Any) -> int | float | None:
    if raw in (None, ""):
        return None
    text = str(raw).strip().replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,10})?", text):
        raise Invalid(N_("Isi dengan angka."), field=each.key)
    number = float(text) if "." in text else int(text)
    if each.decimals is not None and round(number, each.decimals) != number:
        raise Invalid(N_("Paling banyak %(count)d angka di belakang koma."), field=each.key, count=each.decimals)
    if each.minimum is not None and number < float(each.minimum):
        raise Invalid(N_("Paling kecil %(limit)s."), field=each.key, limit=each.minimum)
    if each.maximum is not None and number > float(each.maximum):
        raise Invalid(N_("Paling besar %(limit)s."), field=each.key, limit=each.maximum)
    return number


def _moment(each: Field, raw: Any, zone: str) -> str | None:
    if raw in (None, ""):
        return None
    try:
        if each.subtype == "date":
            return dt.date.fromisoformat(str(raw)).isoformat()
        if each.subtype == "time":
            return dt.time.fromisoformat(str(raw)).isoformat(timespec="minutes")
        moment = dt.datetime.fromisoformat(str(raw))
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).isoformat()
    except ValueError as problem:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=each.key) from problem


def _text(each: Field, raw: Any) -> str | None:
    if raw is not None and not isinstance(raw, str):
        raise Invalid(N_("Isi dengan teks."), field=each.key)
    # PostgreSQL keeps no NUL, and browsers send CRLF where people typed a line break.
    text = (raw or "").replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        return None
    if each.min_length and len(text) < each.min_length:
        raise Invalid(N_("Paling sedikit %(count)d huruf."), field=each.key, count=each.min_length)
    limit = each.max_length or MAX_TEXT
    if len(text) > limit:
        raise Invalid(N_("Paling banyak %(limit)d huruf; sekarang %(count)d."), field=each.key, limit=limit, count=len(text))
    if each.pattern and not re.fullmatch(each.pattern, text[:2000]):
        raise Invalid(each.pattern_message or N_("Bentuk isian tidak sesuai."), field=each.key)
    return text


def _missing_or_refused(each: Field, value: Any) -> Invalid | None:
    if each.required and value in (None, False, []):
        default = N_("Wajib dicentang.") if each.type == "checkbox" else N_("Wajib diisi.")
        return Invalid(each.properties.get("wajib") or default, field=each.key)
    if each.properties.get("alt") == "wajib" and (silent := _silent(value)):
        return Invalid(N_("Tuliskan apa yang tampak pada %(names)s, untuk pembaca layar."), field=each.key, names=", ".join(silent)[:300])
    if each.properties.get("tolak") and value == each.properties["tolak"]:
        return Invalid(each.properties.get("alasan") or N_("Pilihan ini tidak diperbolehkan."), field=each.key)
    return None


def _silent(files: Any) -> list[str]:
    """The names of the pictures that do not say what they show."""
    return [str(file.get("name", "")) for file in files or [] if isinstance(file, dict)
            and str(file.get("media_type", "")).startswith("image/") and not str(file.get("alt") or "").strip()]
