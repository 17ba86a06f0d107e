"""The kinds of events in plain words, and what each changed: for the audit page and its exports."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from engine.wording import N_
from webui.names import post
from webui.view import moment

LONGEST = 300  # characters of one value

KINDS: dict[str, dict[str, str]] = {
    N_("Berkas"): {
        "instance.started": N_("Berkas dimulai"), "instance.ended": N_("Berkas selesai"), "instance.cancelled": N_("Berkas dibatalkan"),
        "instance.suspended": N_("Berkas ditangguhkan"), "instance.activated": N_("Berkas dilanjutkan"),
        "instance.modified": N_("Langkah dipindahkan"), "instance.migrated": N_("Dipindahkan ke versi lain"),
        "instance.restarted": N_("Dimulai sekali lagi"), "instance.restarted_from": N_("Lanjutan berkas lama"),
        "instance.disposed": N_("Berkas dimusnahkan"), "variables.set": N_("Variabel diubah"), "comment.created": N_("Komentar ditulis"),
        "document.added": N_("Dokumen ditambahkan"), "letter.issued": N_("Naskah dinas diterbitkan"),
        "message.received": N_("Pesan diterima"), "signal.received": N_("Sinyal diterima")},
    N_("Tugas"): {
        "task.claimed": N_("Tugas diambil"), "task.unclaimed": N_("Tugas dilepas"), "task.assigned": N_("Tugas diserahkan"),
        "task.delegated": N_("Tugas didelegasikan"), "task.resolved": N_("Delegasi dikembalikan"), "task.completed": N_("Tugas selesai"),
        "task.deferred": N_("Tugas ditunda"), "task.extended": N_("Waktu diperpanjang"), "task.due_set": N_("Batas waktu diubah")},
    N_("Pekerjaan Terbit"): {
        "job.done": N_("Pekerjaan selesai"), "job.error_thrown": N_("Pekerjaan gagal, ditangani diagram"),
        "job.retries_set": N_("Pekerjaan dicoba lagi"), "job.executed": N_("Pekerjaan dijalankan sekarang"),
        "job.renewed": N_("Pekerjaan dicoba lagi dengan isian baru"), "job.due_set": N_("Pewaktu dipindahkan"),
        "timer.fired": N_("Pewaktu berbunyi"), "incident.opened": N_("Masalah terbuka"), "incident.resolved": N_("Masalah diselesaikan"),
        "incident.annotated": N_("Catatan pada masalah")},
    N_("Terbit dan arsip"): {
        "publication.published": N_("Informasi terbit"), "publication.scheduled": N_("Terbit dijadwalkan"),
        "publication.manual": N_("Diserahkan ke tangan"), "publication.failed": N_("Gagal terbit"),
        "publication.unknown": N_("Terbit tidak pasti"), "publication.withdrawn": N_("Informasi diturunkan"),
        "publication.drifted": N_("Kiriman berubah atau hilang"), "publication.stands_again": N_("Kiriman kembali seperti disetujui"),
        "publication.drift_accepted": N_("Perbedaan kiriman diterima"),
        "publication.attempted": N_("Penerbitan dimulai"), "publication.held": N_("Penerbitan ditahan"),
        "publication.rescheduled": N_("Waktu terbit dipindahkan"),
        "archive.appended": N_("Rantai arsip bertambah"),
        "archive.exported": N_("Arsip berkas diunduh")},
    N_("Orang"): {
        "session.begun": N_("Masuk"), "session.ended": N_("Keluar"), "session.refused": N_("Gagal masuk"),
        "user.created": N_("Akun dibuat"), "user.updated": N_("Data akun diubah"), "user.groups_set": N_("Kelompok akun diubah"),
        "user.activated": N_("Akun diaktifkan"), "user.deactivated": N_("Akun dinonaktifkan"),
        "user.password_set": N_("Kata sandi disetel admin"), "user.password_changed": N_("Kata sandi diganti"),
        "user.password_link_made": N_("Tautan kata sandi dibuat"), "user.password_link_sent": N_("Tautan kata sandi dikirim"),
        "user.password_set_by_link": N_("Kata sandi disetel lewat tautan"), "user.password_forgotten": N_("Lupa kata sandi"),
        "user.password_hash_renewed": N_("Penyimpanan kata sandi diperbarui"),
        "user.identity_linked": N_("Akun dihubungkan dengan penyedia identitas"), "user.imported": N_("Akun diimpor"),
        "user.invited": N_("Akun diundang"), "people.imported": N_("Daftar orang diimpor"),
        "group.created": N_("Kelompok dibuat"), "group.changed": N_("Kelompok diubah"),
        "second_factor.set": N_("Langkah kedua dipasang"), "second_factor.removed": N_("Langkah kedua dilepas"),
        "second_factor.reset": N_("Langkah kedua disetel ulang"), "second_factor.codes_renewed": N_("Kode pemulihan diperbarui"),
        "second_factor.recovery_code_used": N_("Kode pemulihan dipakai"),
        "token.created": N_("Token API dibuat"), "token.revoked": N_("Token API dicabut"),
        "substitution.appointed": N_("Plh./Plt. ditunjuk"), "substitution.revoked": N_("Plh./Plt. dicabut"),
        "notices.chosen": N_("Pilihan pemberitahuan diubah"), "notice.sent_again": N_("Pemberitahuan dikirim lagi"),
        "telegram.code_given": N_("Kode Telegram dibuat"), "telegram.linked": N_("Telegram dihubungkan"),
        "telegram.unlinked": N_("Telegram diputus"),
        "filter.saved": N_("Saringan disimpan"), "filter.deleted": N_("Saringan dihapus")},
    N_("Prosedur"): {
        "deployment.created": N_("Prosedur diberlakukan"), "deployment.deleted": N_("Versi dihapus"),
        "definition.suspended": N_("Versi ditangguhkan"), "definition.activated": N_("Versi dilanjutkan"),
        "definition.revoked": N_("Prosedur dicabut"), "process.access_changed": N_("Siapa yang boleh melihat diubah"),
        "model_draft.created": N_("Rancangan dibuat"),
        "model_draft.discarded": N_("Rancangan dibuang"), "model_draft.restored": N_("Versi lama dijadikan rancangan"),
        "scenario.saved": N_("Skenario disimpan"), "scenario.renamed": N_("Skenario diganti nama"),
        "scenario.deleted": N_("Skenario dihapus")},
    N_("Sekaligus banyak"): {
        "batch.created": N_("Daftar dibekukan"), "batch.started": N_("Tindakan massal dimulai"),
        "batch.suspended": N_("Tindakan massal dihentikan"), "batch.activated": N_("Tindakan massal dilanjutkan"),
        "batch.stopped": N_("Tindakan massal diakhiri"), "batch.done": N_("Tindakan massal selesai"),
        "batch.discarded": N_("Daftar dibuang"), "migration.started": N_("Pemindahan versi dimulai"),
        "migration.stopped": N_("Pemindahan versi dihentikan")},
    N_("Kantor dan kanal"): {
        "settings.changed": N_("Pengaturan diubah"), "channel.saved": N_("Kanal disimpan"), "channel.tested": N_("Kanal diuji"),
        "channel.enabled": N_("Kanal dinyalakan"), "channel.disabled": N_("Kanal dimatikan"), "channel.paused": N_("Kanal dijeda"),
        "channel.resumed": N_("Kanal dilanjutkan"), "channel.held": N_("Kanal menunggu"),
        "channel.health_changed": N_("Keadaan kanal berubah"), "channels.seeded": N_("Kanal bawaan dibuat"),
        "channel.sign_in_begun": N_("Mulai masuk ke platform kanal"), "channel.sign_in_refused": N_("Masuk ke platform kanal gagal"),
        "channel.signed_in": N_("Kanal dihubungkan dengan akunnya"), "channel.signed_out": N_("Kanal dilepas dari akunnya"),
        "channel.sign_in_revoked": N_("Platform diberi tahu bahwa kanal dilepas"), "channel.token_renewed": N_("Token kanal diperbarui"),
        "channel.token_not_renewed": N_("Token kanal tidak dapat diperbarui"),
        "telegram.set": N_("Bot Telegram dipasang"), "telegram.removed": N_("Bot Telegram dilepas"),
        "evidence.category_created": N_("Golongan alasan dibuat"), "evidence.category_deleted": N_("Golongan alasan dihapus"),
        "evidence.sorted": N_("Alasan digolongkan"),
        "evidence.exported": N_("Data laporan diekspor"), "sample.made": N_("Contoh data dibuat")},
    N_("Pemeliharaan"): {
        "audit.exported": N_("Jejak audit diekspor"), "report.exported": N_("Laporan diekspor"),
        "report.subscribed": N_("Laporan dijadwalkan"), "report.due": N_("Laporan terjadwal dikirim"),
        "report.unsubscribed": N_("Berhenti menerima laporan"), "report.subscription_ended": N_("Jadwal laporan diakhiri"),
        "retention.set": N_("Masa simpan ditetapkan"), "retention.removed": N_("Masa simpan kembali ke diagram"),
        "hold.set": N_("Penahanan dipasang"), "hold.lifted": N_("Penahanan dicabut"),
        "disposal.shown": N_("Daftar musnah dibekukan"), "disposal.started": N_("Pemusnahan dimulai"),
        "disposal.stopped": N_("Pemusnahan dihentikan"), "disposal.done": N_("Pemusnahan selesai"),
        "disposal.dropped": N_("Daftar musnah dibuang"), "files.disposed": N_("Bita dokumen dihapus"),
        "disposal.exported": N_("Berita acara diunduh"),
        "sweep.done": N_("Data teknis lama dibersihkan"), "backup.made": N_("Cadangan dibuat"),
        "backup.restored": N_("Dipulihkan dari cadangan"),
        "database.upgraded": N_("Basis data ditingkatkan")},
}
WORDS = {type: words for kinds in KINDS.values() for type, words in kinds.items()}

LABELS = {
    "user": N_("Akun"), "name": N_("Nama"), "groups": N_("Kelompok"), "heads": N_("Kepala"), "channel": N_("Kanal"), "key": N_("Prosedur"),
    "section": N_("Bagian"), "business_key": N_("Nomor"), "variables": N_("Variabel"), "days": N_("Hari"), "fields": N_("Isian"),
    "email": N_("Surel"), "title": N_("Jabatan"), "number": N_("Nomor"), "hash": N_("Sidik"), "decree": N_("Nomor surat perintah"),
    "definitions": N_("Versi"), "token": N_("Token"), "tokens": N_("Token yang dicabut"), "total": N_("Jumlah"), "cases": N_("Berkas"),
    "message": N_("Pesan"),
    "url": N_("Alamat"), "form": N_("Bentuk"), "size": N_("Ukuran"), "file": N_("File"), "case": N_("Berkas"), "address": N_("Alamat"),
    "ok": N_("Berhasil"), "activity_id": N_("Langkah"), "sha256": N_("Sidik"), "files": N_("File"), "until": N_("Sampai"),
    "method": N_("Cara"), "months": N_("Bulan"), "channels": N_("Kanal"), "activities": N_("Langkah"), "instructions": N_("Langkah"),
    "version": N_("Versi"), "scenarios": N_("Skenario"), "due": N_("Batas waktu"), "to": N_("Menjadi"), "notices": N_("Pemberitahuan"),
    "gone": N_("Musnah"), "in_stead_of": N_("Sebagai"), "kept": N_("Tetap disimpan"),
    "account": N_("Akun"), "why": N_("Sebab"), "user_id": N_("Akun"), "kind": N_("Jenis"), "group": N_("Kelompok"),
    "published": N_("Juga yang masih terbit"), "bytes": N_("Ukuran"), "tautan": N_("Tautan"), "since": N_("Sejak"),
    "report": N_("Laporan"), "every": N_("Setiap"), "recipients": N_("Penerima"),
}
PAIRS = (("before", "after"), ("from", "to"), ("was", "now"), ("old", "new"))
# Shown by itself; what only `audit_chain` reads; ids that say nothing to a reader.
HIDDEN = {"reason", "events", "hold", "disposal", "filter", "batch", "migration", "draft", "scenario", "notice", "instance", "deployment",
          "substitution", "comment", "document", "letter", "job", "incident", "id", "as"}


def word(type: str) -> str:
    """What happened; of a kind that has no words yet, its own name."""
    return _(WORDS[type]) if type in WORDS else type


def changes(data: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """What an event says, as (what, value, None) or (what, before, after)."""
    found: list[tuple[str, str, str | None]] = []
    rest = {name: value for name, value in data.items() if name not in HIDDEN}
    if isinstance(rest.get("variables"), dict):
        found += _variables(rest)
    if isinstance(rest.get("before"), dict) and "after" not in rest:  # what is now stands beside it under the same names
        rest["after"] = {name: rest.pop(name, None) for name in rest["before"]}
    if isinstance(rest.get("in_stead_of"), dict):
        found.append((_label("in_stead_of"), post(rest.pop("in_stead_of")), None))
    if "to" not in rest and isinstance(rest.get("from"), list) and "groups" in rest:
        found.append((_label("groups"), _text(rest.pop("from")), _text(rest.pop("groups"))))
    for before, after in PAIRS:
        if before in rest and after in rest:
            found += _pair(rest.pop(before) or {}, rest.pop(after))
    return found + [(_label(name), _text(value), None) for name, value in rest.items() if value not in (None, "", [], {})]


def _variables(rest: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Takes out what it says: the variables that were set or deleted, with what they were where that is known."""
    now, deleted = rest.pop("variables"), set(rest.pop("deleted", None) or ())
    was = rest.pop("before", None) if isinstance(rest.get("before"), dict) else None
    inner = {name: value for values in (rest.pop("scopes", None) or {}).values() for name, value in values.items()}
    found: list[tuple[str, str, str | None]] = []
    for name, value in {**now, **inner}.items():
        after = "–" if name in deleted else _text(value)
        found.append((name, after, None) if was is None else (name, _text(was[name]) if name in was else "–", after))
    return found


def _pair(before: Any, after: Any) -> list[tuple[str, str, str | None]]:
    if isinstance(before, dict) and isinstance(after, dict | None):
        after = after or {}
        names = list(dict.fromkeys([*before, *after]))
        return [(_label(name), _text(before.get(name)), _text(after.get(name))) for name in names if before.get(name) != after.get(name)]
    return [("", _text(before or None), _text(after))]


def _label(name: str) -> str:
    return _(LABELS[name]) if name in LABELS else name


def _text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("ya") if value else _("tidak")
    if isinstance(value, str):
        return (_moment(value) or value)[:LONGEST]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)[:LONGEST] or "–"
    return json.dumps(value, ensure_ascii=False)[:LONGEST]


def _moment(value: str) -> str:
    if len(value) < 19 or value[4:5] != "-" or value[10:11] != "T":
        return ""
    try:
        return moment(dt.datetime.fromisoformat(value))
    except ValueError:
        return ""
