"""The topic `publikasi`: one approved piece of information, to one channel, once.

The row (case, channel, revision) is written before the call; a connector publishes once per key however often it
is called; so a crash at any moment ends in one post. What was not approved, or may not be published, never leaves.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_
from bpmn.expressions import sha256
from connectors import Attachment, Connector, Failure, NotByMachine, NotYet, Request, Result, abilities
from engine import calls, embargo, files, media, news, revisions, settings, standings, values
from engine.archive import case_of
from engine.handlers import BpmnError, Job, handler
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, channel, document, event, process_instance, publication, publication_standing
from engine.tables import job as job_table

TOPIC = "publikasi"
TOPICS = (TOPIC, "turunkan")
REFUSED = "ditolak"  # the BPMN error of what must not be published, by machine or by hand; nobody catches it: an incident
SEALED = ("judul", "ringkasan", "isi", "gambar", "lampiran", "teks_kanal")  # what an approval covers
REMARKS = ("catatan_ralat", "ralat_sebelumnya")  # of a correction, besides
DONE = ("published", "scheduled")
SETTLED = (*DONE, "withdrawn")
WEBSITE = "website"  # the channel to whose page the others' texts link, as their preview says
MOST_ADDRESS = 2000  # characters
WAIT_FOR_WEBSITE = dt.timedelta(minutes=10)


@handler(TOPIC)
def publish(pe: ProcessEngine, job: Job, now: dt.datetime) -> dict[str, Any]:
    """Publish `job.payload` to its channel and return {url, id, published_at}; run again, it returns the same.

    Raises Failure as the connector does (permanent: the diagram's `gagal`, so that a person takes over), and
    BpmnError REFUSED for what nobody may publish: excluded or unapproved information, files that are not the approved ones.
    """
    payload = job.payload
    check_payload(payload)
    request = _request(pe, job, now)
    own_id, before = run(pe, lambda db: _reserve(db, job, now))
    if before and before["state"] in DONE:
        return _variables(before)
    try:
        result = _result(pe, job, request, own_id, before, now)
    except NotYet:  # nothing was tried, or what is not known is looked at again: the row stays as it is
        raise
    except Failure as failure:
        state = "manual" if isinstance(failure, NotByMachine) else "unknown" if failure.kind == "unknown" else "failed"
        _settle(pe, job, now, state=state, error=str(failure))
        raise
    return _variables(_settle(pe, job, now, state="scheduled" if result.scheduled else "published", result=result))


def _result(pe: ProcessEngine, job: Job, request: Request, own_id: str, before: Any, now: dt.datetime) -> Result:
    """Where it stands: found there after an unknown outcome, changed where it stood, or published."""
    progress, looks = calls.progress(pe, job, own_id, now)
    if before and before["state"] == "unknown":
        if not looks and job.attempts > 1:  # a worker died before it could ask a person, who has ordered nothing yet
            raise Failure(N_("Sudah dikirim, tetapi tidak diketahui apakah diterima."), "unknown")
        if found := calls.look(pe, job, now, own_id, replace(request, link=_page(pe, job), progress=progress), looks):
            return found
        progress.forget_begun()
        run(pe, lambda db: db.execute(sa.update(publication).where(publication.c.id == own_id).values(state="attempted", updated_at=now)))
    _keep_embargo(pe, job, own_id, before, request, now)
    with read(pe) as db:
        stands = revisions.earlier(db, job)

    def use(connector: Connector) -> Result:
        if not stands:
            try:
                calls.wait_for_its_time(connector, request)
            except NotYet:
                _wait(pe, own_id, now, "planned", request.publish_at)
                raise
        link = _link(pe, job, now) if "link" in abilities(connector) else ""
        asked = replace(request, link=link, progress=progress)
        return revisions.update(connector, stands, asked) if stands else connector.publish(asked)

    try:
        return calls.call(pe, job, now, use)
    except Failure as failure:
        if failure.kind != "unknown" or stands or not calls.reads_back(pe, job):
            raise
        _settle(pe, job, now, state="unknown", error=str(failure), also=lambda db: calls.set_looks(db, own_id, 1, now))
        raise NotYet(calls.LOOKS[0]) from failure


def _keep_embargo(pe: ProcessEngine, job: Job, own_id: str, before: Any, request: Request, now: dt.datetime) -> None:
    """NotYet where nothing may be published on the channel at the time at which it is to appear: it waits for the end."""
    windows = settings.get(pe, job.tenant)["embargo"]["windows"]
    held = embargo.of(windows, job.payload["kanal"], request.publish_at or now)
    if held is None:
        return
    known = before is not None and before["state"] == "held" and before["waits_until"] == held.until

    def tell(db: sa.Connection) -> None:
        if not known:
            record(db, Actor.system(job.tenant), now, "publication.held", instance_id=job.instance_id,
                   activity_instance_id=job.activity_instance_id or None,
                   data={"channel": job.payload["kanal"], "until": held.until.isoformat(), "reason": held.reason})

    _wait(pe, own_id, now, "held", held.until, tell)
    raise NotYet((held.until - now).total_seconds())


def _wait(pe: ProcessEngine, own_id: str, now: dt.datetime, state: str, until: dt.datetime | None,
          also: Callable[[sa.Connection], None] | None = None) -> None:
    def write(db: sa.Connection) -> None:
        still = publication.c.state.not_in(SETTLED)  # a run that lost its lease undoes nothing
        changed = sa.update(publication).where(publication.c.id == own_id, still).values(state=state, waits_until=until, updated_at=now)
        if db.execute(changed).rowcount and also:
            also(db)

    run(pe, write)


def _page(pe: ProcessEngine, job: Job) -> str:
    """Where the case's website shows it; "" where it does not."""
    here = publication.c.instance_id == job.instance_id, publication.c.channel_id == WEBSITE, publication.c.state.in_(DONE)
    with read(pe) as db:
        return db.scalar(sa.select(publication.c.url).where(*here)) or ""


def _link(pe: ProcessEngine, job: Job, now: dt.datetime) -> str:
    """As `_page`; NotYet for a while, where that is still to be published."""
    if url := _page(pe, job):
        return url
    paused = sa.exists().where(channel.c.tenant_id == job.tenant, channel.c.id == WEBSITE, channel.c.paused_at.is_not(None))
    coming = sa.select(job_table.c.payload).where(
        job_table.c.instance_id == job.instance_id, job_table.c.state == "open", job_table.c.topic == TOPIC, job_table.c.id != job.id,
        job_table.c.due_at.between(now - WAIT_FOR_WEBSITE, now + WAIT_FOR_WEBSITE), ~paused)
    with read(pe) as db:
        if any(payload.get("kanal") == WEBSITE for payload in db.scalars(coming)):
            raise NotYet(3)
    return ""


# What may be published ------------------------------------------------------------------------------------------------

def _refuse(message: str, **params: Any) -> BpmnError:
    text = message % params if params else message
    return BpmnError(REFUSED, text, {"kegagalan": text})


def sealed(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that a payload's seal covers. A process of before there were texts per channel has none of them."""
    names = SEALED if "teks_kanal" in payload else SEALED[:-1]
    return names + REMARKS if "catatan_ralat" in payload else names


def check_payload(payload: Mapping[str, Any]) -> None:
    if payload.get("klasifikasi") == "dikecualikan":
        raise _refuse(N_("Informasi yang dikecualikan tidak boleh diterbitkan (Pasal 17 Undang-Undang Nomor 14 Tahun 2008)."))
    if not isinstance(payload.get("kanal"), str) or not payload["kanal"]:
        raise _refuse(N_("Kanal tidak disebutkan."))
    if not isinstance(payload.get("judul"), str) or not payload["judul"].strip():
        raise _refuse(N_("Judul kosong."))
    if payload.get("segel") != sha256([payload.get(name) for name in sealed(payload)]):
        raise _refuse(N_("Isi yang akan diterbitkan berbeda dari yang disetujui."))


def request_of(pe: ProcessEngine, instance_id: str, payload: Mapping[str, Any], now: dt.datetime) -> Request:
    """What a connector is asked to publish: the payload with its files' bytes, each checked against its hash.
    Also what a preview and the copy-ready package are made of."""
    with read(pe) as db:
        business_key = db.scalar(sa.select(process_instance.c.business_key).where(process_instance.c.id == instance_id))
        images = _attachments(pe, db, instance_id, payload.get("gambar"))
        attachments = _attachments(pe, db, instance_id, payload.get("lampiran"))
    return Request(
        key=f"{instance_id}:{payload.get('kanal', '')}:{_revision(payload)}", text=own_text(payload),
        title=payload.get("judul") or "", summary=payload.get("ringkasan") or "",
        body=payload.get("isi") or "", kind=payload.get("jenis") or "", now=now, business_key=business_key or "",
        images=[file for file in images if file.media_type.startswith("image/")],
        attachments=[file for file in images if not file.media_type.startswith("image/")] + attachments,
        publish_at=_publish_at(pe, payload.get("terbit_pada"), now), corrections=revisions.corrections(payload, pe.timezone, now))


def _request(pe: ProcessEngine, job: Job, now: dt.datetime) -> Request:
    return request_of(pe, job.instance_id, job.payload, now)


def own_text(payload: Mapping[str, Any]) -> str:
    texts = payload.get("teks_kanal")
    text = texts.get(payload.get("kanal")) if isinstance(texts, dict) else None
    return text if isinstance(text, str) else ""


def _revision(payload: Mapping[str, Any]) -> int:
    revision = payload.get("revisi") or 1
    if not isinstance(revision, int) or revision < 1:
        raise _refuse(N_("Nomor revisi tidak sah."))
    return revision


def _publish_at(pe: ProcessEngine, value: Any, now: dt.datetime) -> dt.datetime | None:
    """The time at which it is to appear; None where that is now."""
    if not value:
        return None
    try:
        at = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _refuse(N_("Waktu terbit tidak sah.")) from None
    at = at if at.tzinfo else at.replace(tzinfo=pe.timezone)
    return at.astimezone(dt.timezone.utc) if at > now else None


def _attachments(pe: ProcessEngine, db: sa.Connection, instance_id: str, value: Any) -> list[Attachment]:
    """The documents that a variable names. They are the case's own, or nothing is published."""
    wanted = [value] if isinstance(value, dict) else value or []
    return [_attachment(pe, db, instance_id, file) for file in wanted]


def _attachment(pe: ProcessEngine, db: sa.Connection, instance_id: str, file: Any) -> Attachment:
    id = file.get("document") if isinstance(file, dict) else None
    row = db.execute(sa.select(document).where(document.c.id == id, document.c.instance_id == instance_id)).mappings().first()
    if row is None or row["sha256"] != file.get("sha256"):
        raise _refuse(N_("Dokumen yang akan diterbitkan bukan milik berkas ini."))
    try:
        content = files.read(pe.folder, row["sha256"])
    except (FileNotFoundError, ValueError):
        raise _refuse(N_("Dokumen %(name)s tidak utuh di arsip."), name=row["name"]) from None
    return Attachment(row["name"], row["media_type"], media.without_notes(content, row["media_type"]), file.get("alt") or "")


# The row --------------------------------------------------------------------------------------------------------------

def _of(job: Job) -> Any:
    return sa.and_(publication.c.instance_id == job.instance_id, publication.c.channel_id == job.payload["kanal"],
                   publication.c.revision == _revision(job.payload))


def _reserve(db: sa.Connection, job: Job, now: dt.datetime) -> tuple[str, sa.RowMapping | None]:
    """Write that it is tried, before it is; returns its id, and the row as it was, None where there was none."""
    before = db.execute(sa.select(publication).where(_of(job)).with_for_update()).mappings().first()
    content = job.payload["segel"]
    if before and before["state"] != "failed" and before["content_sha256"] != content:
        raise _refuse(N_("Revisi ini sudah diterbitkan di kanal ini dengan isi lain."))
    if before and before["state"] in (*DONE, "unknown"):  # that is looked at first
        return before["id"], before
    connector = db.scalar(sa.select(channel.c.connector).where(channel.c.tenant_id == job.tenant, channel.c.id == job.payload["kanal"]))
    kind = values.text(job.payload.get("jenis") or "", 255) or None
    row = {"connector": connector or "manual", "kind": kind, "state": "attempted", "content_sha256": content, "error": None,
           "updated_at": now}
    if before:
        if before["content_sha256"] != content:
            calls.forget(db, before["id"])  # what was noted was about other content
        db.execute(sa.update(publication).where(publication.c.id == before["id"]).values(row))
        return before["id"], before
    own_id = new_id(now)
    db.execute(sa.insert(publication), {
        "id": own_id, "tenant_id": job.tenant, "instance_id": job.instance_id, "channel_id": job.payload["kanal"],
        "revision": _revision(job.payload), **row})
    return own_id, None


def _settle(pe: ProcessEngine, job: Job, now: dt.datetime, *, state: str, error: str | None = None, result: Result | None = None,
            also: Callable[[sa.Connection], None] | None = None) -> Any:
    row: dict[str, Any] = {"state": state, "error": error and values.text(error), "updated_at": now}
    if result:
        row |= {"url": address(result.url), "platform_id": values.text(result.platform_id, MOST_ADDRESS),
                "published_at": result.published_at}

    def write(db: sa.Connection) -> None:
        # A run that lost its lease and failed late does not undo what the next one published.
        still = _of(job) if result else sa.and_(_of(job), publication.c.state.not_in(DONE))
        if db.execute(sa.update(publication).where(still).values(row)).rowcount:
            if also:
                also(db)
            if result:
                own_id = db.scalar(sa.select(publication.c.id).where(_of(job))) or ""
                calls.forget(db, own_id)
                standings.watch(db, job.tenant, own_id, job.payload["kanal"], result.published_at)
            record(db, Actor.system(job.tenant), now, f"publication.{state}", instance_id=job.instance_id,
                   activity_instance_id=job.activity_instance_id or None,
                   data={"channel": job.payload["kanal"], "url": row.get("url"), "error": error})
            if result and not result.scheduled:
                news.tell(db, job.tenant, now, job.instance_id)

    run(pe, write)
    return row


def address(url: str) -> str:
    """What a platform calls the address of a post; "" where it is none. It is not believed to be one, nor to be short."""
    url = values.text(url, MOST_ADDRESS)
    return url if url.lower().startswith(("https://", "http://")) else ""


def _variables(row: Any) -> dict[str, Any]:
    at = row["published_at"]
    return {"url": row["url"], "id": row["platform_id"], "published_at": at.isoformat() if at else None}


# By hand --------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class ByHand:
    """Where a person says that they published it; of what they withdrew, what its page now says."""

    url: str | None
    at: dt.datetime
    by: str | None
    unchecked: str  # why the page was not checked for its title; "" where it was
    gone: str = ""  # what the page says instead: it was withdrawn
    in_stead_of: dict[str, Any] | None = None  # whose post the person held then


def by_hand(db: sa.Connection, instance_id: str) -> dict[str, ByHand]:
    """{channel: …} of what the case's people published or withdrew: a user task in the same scope as a job of TOPICS,
    completed with `tautan` (or `url`), or with `halaman_kini`."""
    j = job_table.c
    asked = db.execute(sa.select(activity.c.scope_id, j.payload).join(job_table, j.activity_instance_id == activity.c.id)
                       .where(j.instance_id == instance_id, j.topic.in_(TOPICS)).order_by(j.id))
    channel_of = {scope: payload.get("kanal") for scope, payload in asked}
    if not channel_of:
        return {}
    inside = activity.c.scope_id.in_([scope for scope in channel_of if scope])
    beside = sa.or_(inside, activity.c.scope_id.is_(None)) if None in channel_of else inside
    done = db.execute(
        sa.select(activity.c.scope_id, activity.c.completed_by, activity.c.ended_at, event.c.data)
        .join(event, event.c.activity_instance_id == activity.c.id)
        .where(event.c.instance_id == instance_id, event.c.type == "task.completed", beside).order_by(event.c.id))
    found = {}
    for scope, by, at, data in done:
        said = _said(data)
        url, gone = said.get("tautan") or said.get("url"), said.get("halaman_kini")
        if channel_of.get(scope) and (isinstance(url, str) or gone):
            found[channel_of[scope]] = ByHand(url, at, by, str(said.get("alasan_tanpa_periksa") or ""), str(gone or ""),
                                              data.get("in_stead_of"))
    return found


def _said(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the completion of a task changed, in whichever scope."""
    scopes = [data.get("variables") or {}, *(data.get("scopes") or {}).values()]
    return {name: value for changed in scopes for name, value in changed.items()}


def record_manual(db: sa.Connection, tenant: str, now: dt.datetime, instance_id: str) -> None:
    """Bring the case's rows up to what was published by hand. Run again, it changes nothing."""
    for channel_id, hand in by_hand(db, instance_id).items():
        row = _by_hand_row(hand)
        changed = db.execute(sa.update(publication).where(
            publication.c.instance_id == instance_id, publication.c.channel_id == channel_id, publication.c.state.not_in(SETTLED),
        ).values(**row, updated_at=now))
        if changed.rowcount:
            record(db, Actor.system(tenant), now, f"publication.{row['state']}", instance_id=instance_id,
                   data={"channel": channel_id, "url": hand.url, "by": hand.by})
            if row["state"] == "published":
                for own_id in db.scalars(sa.select(publication.c.id).where(
                        publication.c.instance_id == instance_id, publication.c.channel_id == channel_id, publication.c.updated_at == now)):
                    standings.watch(db, tenant, own_id, channel_id, hand.at)
                news.tell(db, tenant, now, instance_id)


def _by_hand_row(hand: ByHand) -> dict[str, Any]:
    if hand.gone:
        return {"state": "withdrawn", "published_at": hand.at, "error": None}
    return {"state": "published", "url": hand.url, "published_at": hand.at, "error": None}


def publications(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """The case's publications by channel, for who may see the case: the table's columns, `channel` (its name) and
    `by_hand` (whether a person published it)."""
    with read(pe) as db:
        case_of(db, actor, instance_id)
        return publications_of(db, instance_id)


def publications_of(db: sa.Connection, instance_id: str) -> list[dict[str, Any]]:
    """As `publications`, for Terbit itself."""
    its_channel = sa.and_(channel.c.tenant_id == publication.c.tenant_id, channel.c.id == publication.c.channel_id)
    rows = db.execute(
        sa.select(publication, channel.c.name.label("channel"), *standings.COLUMNS).outerjoin(channel, its_channel)
        .outerjoin(publication_standing, publication_standing.c.publication_id == publication.c.id)
        .where(publication.c.instance_id == instance_id)
        .order_by(publication.c.revision, channel.c.position, publication.c.channel_id)).mappings().all()
    hands = by_hand(db, instance_id) if any(row["state"] != "published" or row["connector"] == "manual" for row in rows) else {}
    return [_with_hand(dict(row), hands.get(row["channel_id"])) for row in rows]


def _with_hand(row: dict[str, Any], hand: ByHand | None) -> dict[str, Any]:
    row["channel"] = row["channel"] or row["channel_id"]
    if hand and row["state"] not in SETTLED:  # done, and not yet recorded by `record_manual`
        row |= _by_hand_row(hand)
    is_hand = bool(hand and (row["published_at"] == hand.at if hand.gone else row["url"] == hand.url))
    return {**row, "by_hand": is_hand, "unchecked": hand.unchecked if hand else "", "by": hand.by if hand else None,
            "gone": hand.gone if hand else "", "in_stead_of": hand.in_stead_of if hand else None}
