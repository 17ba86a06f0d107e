"""What goes out on each channel of a case: its text, its pictures, and what would not fit, told at the form's fields."""

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from bpmn import forms
from bpmn.errors import N_, Invalid, TerbitError
from connectors import content, media, rules, slugs
from connectors.rules import Problem, Rules
from connectors.site import Site
from engine import channels, embargo, files, publication, settings
from webui import actor, now, pe

OWN = "teks_kanal"  # the property of a field, and the variable of a case: what was written for one channel alone
FIELDS = {"title": "judul", "images": "gambar"}


@dataclass(frozen=True)
class Card:
    """One channel's post as its readers will see it."""

    channel: str
    name: str
    rules: Rules
    title: str
    texts: list[str]  # of one post, or of each of a thread
    own: bool  # whether somebody wrote it for this channel
    used: int
    limit: int | None
    problems: list[Problem]
    images: list[dict[str, Any]]
    videos: list[dict[str, Any]]

    @property
    def text(self) -> str:
        return "\n\n".join(self.texts)

    @property
    def over(self) -> bool:
        return self.limit is not None and self.used > self.limit

    @property
    def blocked(self) -> bool:
        return any(p.blocks for p in self.problems)

    @property
    def head(self) -> str:
        """What stands before "selengkapnya"."""
        fold = self.rules.fold
        return self.text if not fold or len(self.text) <= fold else self.text[:fold].rsplit(" ", 1)[0]


@dataclass(frozen=True)
class Preview:
    office: str = ""
    cards: list[Card] = field(default_factory=list)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the form's field: {used, limit, over, own, fits}

    @property
    def names(self) -> dict[str, str]:
        return {card.channel: card.name for card in self.cards}


def writes(schema: forms.Form | None) -> bool:
    """Whether the form writes what is published."""
    return schema is not None and any(f.key == "isi" for f in schema.fields())


def needs_case(schema: forms.Form) -> bool:
    """Whether the case's variables are needed to check the form."""
    return bool(schema.outside) or writes(schema)


def preview(values: Mapping[str, Any], variables: Mapping[str, Any], business_key: str, schema: forms.Form | None = None) -> Preview:
    """The posts of the case's channels, in their order; `values` are what a form holds, else the variables count."""
    ids, held = wanted(variables), {**variables, **values}
    if not ids or held.get("klasifikasi") == "dikecualikan":
        return Preview()
    known, look, texts = channels.rules_names(pe(), actor()), site().look, own_texts(schema, values, variables)
    url = _address(look.url, held, business_key) if "website" in ids else ""
    cards = [_card(id, *known.get(id, (id, id, False)), held, texts.get(id) or "", url) for id in ids]
    return Preview(look.office, cards, _counts(schema, cards))


def own_texts(schema: forms.Form | None, values: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, str]:
    """{channel: what was written for it}: as the form holds it where it asks for it, else as the case has it."""
    kept = variables.get(OWN)
    found = {k: v for k, v in kept.items() if isinstance(v, str)} if isinstance(kept, dict) else {}
    asked = {f.properties[OWN]: values.get(f.key) for f in schema.fields() if OWN in f.properties} if schema and values else {}
    return found | {k: v if isinstance(v, str) else "" for k, v in asked.items()}


def check(schema: forms.Form, values: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Refuse, each at its field, what a channel of the case would refuse. Only a form that writes what is published is checked."""
    if not writes(schema) or values.get("isi") is None:
        return
    problems = [Invalid(p.message, field=_field(schema, card.channel, p, values), **p.params)
                for card in preview(values, variables, "", schema).cards for p in card.problems if p.blocks]
    if problems:
        raise Invalid(N_("Belum muat di kanal yang dituju."), problems=problems)


def package(task: Mapping[str, Any], variables: Mapping[str, Any], sees_case: bool) -> dict[str, Any]:
    """What the Web Admin copies to a channel that no machine publishes to; `post` is the very text, as it was approved."""
    channel, body = str(variables.get("saluran") or ""), str(variables.get("isi") or "")
    shown = publication.publications(pe(), actor(), task["instance_id"]) if sees_case else []
    url = next((row["url"] for row in shown if row["channel_id"] == "website" and row["state"] == "published" and row["url"]),
               (variables.get("tautan_kanal") or {}).get("website") or "")  # of a correction: where it stands
    own, known = own_texts(None, {}, variables).get(channel) or "", channel in rules.CHANNELS and channel != "website"
    return {"channel": channel, "post": _card(channel, channel, channel, False, variables, own, url) if known else None,
            "title": str(variables.get("judul") or ""), "summary": str(variables.get("ringkasan") or ""), "text": content.text(body),
            "markdown": body, "html": content.html(body), "failure": str(variables.get("kegagalan") or ""),
            "note": str(variables.get("catatan_ralat") or ""), "url": url,
            "images": variables.get("gambar") or [], "attachments": variables.get("lampiran") or []}


def embargo_of(held: Mapping[str, Any]) -> embargo.Embargo | None:
    """What holds one of the case's channels, now or at the time at which it is to be published: that which ends last."""
    windows = settings.get(pe(), actor().tenant)["embargo"]["windows"]
    at = now()
    with contextlib.suppress(TypeError, ValueError):
        planned = dt.datetime.fromisoformat(held.get("terbit_pada") or "")
        at = max(at, planned if planned.tzinfo else planned.replace(tzinfo=pe().timezone))
    found = [each for id in wanted(held) if (each := embargo.of(windows, id, at))] if windows else []
    return max(found, key=lambda each: each.until, default=None)


def site() -> Site:
    """The office's own site where `website` is served by it, else the site as it comes."""
    with contextlib.suppress(TerbitError):
        found = channels.connector_for(pe(), actor().tenant, "website", disabled_too=True)
        if isinstance(found, Site):
            return found
    return Site({}, {}, channels.context(pe(), actor().tenant))


# Inside ---------------------------------------------------------------------------------------------------------------

def _address(url: str, held: Mapping[str, Any], business_key: str) -> str:
    """Where the website will show it, as far as that is known before."""
    title = content.clean(str(held.get("judul") or ""))
    return f"{url}{slugs.slug(f'{slugs.slug(title, 70)} {business_key}') or 'tulisan'}/"


def _counts(schema: forms.Form | None, cards: list[Card]) -> dict[str, dict[str, Any]]:
    """What a counter below each of the form's texts for one channel says."""
    by = {card.channel: card for card in cards}
    asked = {f.key: by.get(f.properties[OWN]) for f in schema.fields() if OWN in f.properties} if schema else {}
    return {key: {"used": card.used, "limit": card.limit, "over": card.over, "own": card.own,
                  "fits": not any(p.blocks and p.about == "text" for p in card.problems)} for key, card in asked.items() if card}


def wanted(variables: Mapping[str, Any]) -> list[str]:
    """The ids of the channels that a case is meant for."""
    named = variables.get("kanal")
    return [str(name) for name in named][:50] if isinstance(named, list) else []


def _card(channel: str, name: str, of: str, thread: bool, held: Mapping[str, Any], own: str, url: str) -> Card:
    """`of`: the name of its rules. `thread`: it makes several posts of a text that is too long for one."""
    pictures, papers = ([v for v in held.get(key) or [] if isinstance(v, dict)] if isinstance(held.get(key), list) else []
                        for key in ("gambar", "lampiran"))
    films = [v for v in pictures + papers if str(v.get("media_type", "")).startswith("video/")]
    pictures = [v for v in pictures if v not in films]
    post = rules.Post(str(held.get("judul") or ""), str(held.get("ringkasan") or ""), str(held.get("isi") or ""), url, own,
                      [_image(v) for v in pictures], [_image(v) for v in films])
    videos = [{"name": video.name} for video in rules.videos_taken(of, post.videos)]
    alone = videos and rules.of(of).videos == 1 and rules.of(of).needs != "video"  # where only videos go, the picture is the thumbnail
    shown = [] if alone else rules.taken(of, pictures)
    texts = rules.parts(of, post, thread)
    used, limit = rules.count(of, "".join(texts), len(shown))
    return Card(channel, name, rules.of(of), post.title, texts, bool(own.strip()), used, None if len(texts) > 1 else limit,
                rules.check(of, post, thread), shown, videos)


def _field(schema: forms.Form, channel: str, problem: Problem, values: Mapping[str, Any]) -> str:
    """The field at which it can be mended: a text that was composed, at the channel's own text."""
    if problem.about in FIELDS:
        return FIELDS[problem.about]
    own = [f.key for f in schema.fields() if f.properties.get(OWN) == channel]
    return own[0] if own else "ringkasan" if "ringkasan" in values else "isi"


def _image(value: Mapping[str, Any]) -> rules.Image:
    width, height = _sides(str(pe().folder), str(value.get("sha256", "")))
    return rules.Image(str(value.get("name", "")), str(value.get("media_type", "")), int(value.get("size") or 0), width, height,
                       str(value.get("alt") or ""))


@lru_cache(maxsize=2048)
def _sides(folder: str, sha256: str) -> tuple[int, int]:
    """(width, height) as it is looked at; (0, 0) where that cannot be known."""
    try:
        with Image.open(files.path(Path(folder), sha256)) as image:
            turned = image.getexif().get(media.ORIENTATION, 1) >= 5
            return (image.height, image.width) if turned else image.size
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return 0, 0
