"""What the overview says of its figures: what is wrong, and what to do about it."""

import datetime as dt
from itertools import pairwise
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from engine import control, health, worker
from engine.process_engine import Actor, ProcessEngine
from webui import deployed, readiness
from webui.view import day, duration, file_size, zone

DAYS = 14
MANY_STUCK = 5  # incidents, from which on it is said on top: it is one cause, as a rule
MANY_FAILURES = 20  # failed sign-ins on one account in a day
DEAF = dt.timedelta(minutes=1)  # a worker that no message reached for so long
CHART = (14, 100)  # units for a day, and for the highest bar


def machinery(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """All that the overview shows: `control.overview`, with broker and alarms."""
    found = control.overview(pe, actor, now)
    found["broker"] = worker.broker_state(pe)
    found["states"] = [each for each in health.statuses(pe, actor.tenant, now) if each.state in health.TO_MEND]
    found["alive"] = [each for each in found["workers"] if each["lives"]]
    found["silent"] = [each for each in found["workers"] if not each["lives"]]
    found["failed_sign_ins"] = sum(each["number"] for each in found["sign_ins"])
    return {**found, "alarms": [*_workers(found, now), *_queue(found, now), *_channels(found), *_stuck(found), *_rest(found)]}


def _alarm(level: str, title: str, advice: str, href: str = "", label: str = "", command: str = "",
           *more: tuple[str, str]) -> dict[str, Any]:
    """What is wrong, what to do about it, and what leads there: (address, its name) each."""
    return {"level": level, "title": title, "advice": advice, "command": command, "links": [(href, label), *more] if href else []}


def _workers(found: dict[str, Any], now: dt.datetime):
    if not found["broker"]["ok"]:
        yield _alarm("danger", _("Broker tidak menjawab"), _(
            "Tanpa broker tidak ada pekerjaan yang dimulai. Tidak ada yang hilang: sesudah broker hidup lagi semuanya berjalan "
            "sendiri. Periksa server broker dan BROKER_URL di config.toml."), command="terbit doctor")
    if not found["alive"]:
        yield _alarm("danger", _("Tidak ada pekerja yang hidup"), _(
            "Tanpa pekerja (worker) tidak ada yang diterbitkan dan tidak ada pewaktu yang berbunyi. Pekerjaan menunggu dan tidak hilang. "
            "Nyalakan pekerja di server."), command="terbit worker")
    for each in found["silent"] if found["alive"] else ():
        yield _alarm("warning", _("Pekerja di %(host)s tidak terdengar lagi", host=each["host"]), _(
            "Terakhir terdengar %(ago)s yang lalu. Pekerjaannya diambil alih pekerja lain. Periksa mesinnya, lalu nyalakan lagi.",
            ago=duration(now - each["seen_at"])), command="terbit worker")
    deaf = [each for each in found["alive"] if now - (each["swept_at"] or each["started_at"]) > DEAF]
    if deaf and found["broker"]["ok"]:
        yield _alarm("warning", _("Pekerja hidup, tetapi tidak menerima pesan"), _(
            "Pesan tidak sampai kepada pekerja, atau semuanya sibuk dengan panggilan yang lama. Bila tetap begini, jalankan ulang pekerja "
            "di %(hosts)s.", hosts=", ".join(sorted({each["host"] for each in deaf}))))


def _queue(found: dict[str, Any], now: dt.datetime):
    load, late = found["load"], found["load"]["oldest"] and now - found["load"]["oldest"] > control.LATE
    if late or load["waiting"] >= control.MANY or found["broker"]["full"]:
        waits = ngettext("%(num)d pekerjaan menunggu terlalu lama", "%(num)d pekerjaan menunggu terlalu lama", load["waiting"])
        title = waits if late else _("Antrean penuh")
        yield _alarm("warning", title, _(
            "Pekerjaan datang lebih cepat daripada dikerjakan. Bila pekerja hidup dan antrean tidak menyusut, tambah pekerja atau naikkan "
            "WORKER_CONCURRENCY di config.toml."), url_for("admin.jobs"), _("Lihat antrean"), "terbit worker")


def _channels(found: dict[str, Any]):
    for each in found["channels"]:
        number = ngettext("%(num)d berkas tidak dapat terbit", "%(num)d berkas tidak dapat terbit", each["number"])
        yield _alarm("danger", _("Kanal %(name)s: %(number)s", name=each["name"] or each["id"], number=number), _(
            "Buka kanalnya dan tekan Uji; selama belum diperbaiki, kanal dapat dijeda di sana. Sesudah diperbaiki, coba lagi yang "
            "terhenti. Kesalahan terakhir: %(error)s", error=each["error"] or "–"),
            url_for("channels.show", id=each["id"]), _("Buka kanal"), "", _retry())
    for status in found["states"]:
        said = readiness.words(status)
        renew = _("Masuklah sekali lagi di halaman kanal itu.") if status.by_sign_in else _(
            "Buat kata sandi atau token yang baru di kanal itu, lalu isikan di sini.")
        yield _alarm(said.colour, _("Kanal %(name)s: %(number)s", name=status.name, number=said.text), said.why or {
            "expiring": renew, "expired": renew,
            "spent": _("Yang harus terbit di sini menunggu sampai kanal itu mengizinkan lagi."),
        }.get(status.state, ""), url_for("channels.show", id=status.id), _("Buka kanal"))


def _stuck(found: dict[str, Any]):
    number = found["load"]["incidents"]
    if number >= MANY_STUCK:
        yield _alarm("warning", ngettext("%(num)d langkah terhenti", "%(num)d langkah terhenti", number), _(
            "Perbaiki dahulu sebabnya, misalnya di halaman Kanal. Lalu coba lagi semuanya sekaligus: daftarnya diperlihatkan dahulu."),
            *_retry())


def _retry() -> tuple[str, str]:
    return url_for("batches.new", action="retry", all=1, state="stuck"), _("Coba lagi yang terhenti…")


def _rest(found: dict[str, Any]):
    if found["disk"]["free"] < control.SMALL:
        yield _alarm("danger", _("Ruang disk hampir habis: sisa %(size)s", size=file_size(found["disk"]["free"])), _(
            "Di bawah 1 GB dokumen dapat ditolak. Kosongkan atau perbesar disk."))
    if found["backup"]["late"]:
        at = found["backup"]["at"]
        yield _alarm("warning", _("Cadangan terakhir %(day)s", day=day(at)) if at else _("Belum pernah dibuat cadangan"), _(
            "Lebih dari %(days)d hari tanpa cadangan. Jalankan perintah ini di server, lalu jadwalkan setiap malam.",
            days=found["backup"]["days"]), command="terbit backup --keep 14 /cadangan")
    if number := found["load"]["drifted"]:
        yield _alarm("danger", ngettext("%(num)d kiriman berubah atau hilang", "%(num)d kiriman berubah atau hilang", number), _(
            "Yang tampil di kanal tidak lagi seperti yang disetujui. Lihat bedanya, lalu perintahkan ralat, terbitkan ulang, atau terima "
            "dengan alasan."), url_for("publications.index", state="drifted"), _("Lihat yang berubah"))
    if found["load"]["notices_failed"]:
        yield _alarm("warning", _("Ada pemberitahuan yang tidak terkirim"), _("Lihat sebabnya, lalu kirim lagi."),
                     url_for("notices.overview"), _("Lihat pemberitahuan"))
    for each in found["sign_ins"]:
        if each["number"] >= MANY_FAILURES:
            who = each["subject"] or _("nama yang tidak dikenal")
            yield _alarm("warning", _("%(number)d kali gagal masuk sebagai %(who)s", number=each["number"], who=who), _(
                "Tanyakan kepada pemiliknya. Bila bukan dia, seseorang menebak kata sandinya."),
                url_for("people.show", id=each["subject"]) if each["subject"] else "", _("Buka pengguna") if each["subject"] else "")


# Charts and places ----------------------------------------------------------------------------------------------------

def days(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """The last two weeks, day by day: {day, started, ended, x, bar_started, bar_ended (heights)}."""
    today = now.astimezone(zone()).date()
    dates = [today - dt.timedelta(days=n) for n in range(DAYS - 1, -2, -1)]
    found = control.days(pe, actor, [dt.datetime.combine(each, dt.time(), zone()) for each in dates])
    most = max([1, *(max(each["started"], each["ended"]) for each in found)])
    width, height = CHART
    return [{**each, "day": day, "x": n * width, **{bar: round(height * each[bar[4:]] / most, 1) for bar in ("bar_started", "bar_ended")}}
            for n, (each, (day, _next)) in enumerate(zip(found, pairwise(dates), strict=True))]


def places(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str) -> list[dict[str, Any]]:
    """What stands where in a version, in the diagram's order: {id, name, running, incidents, overdue}."""
    counts = control.standing(pe, actor, now, definition_id)
    names = deployed.element_names(definition_id)
    order = {id: n for n, id in enumerate(names)}
    return [{"id": id, "name": names.get(id) or id, **counts[id]} for id in sorted(counts, key=lambda id: order.get(id, len(order)))]
