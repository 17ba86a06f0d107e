"""The calendar in the browser: what is to be published on which day, moved by a form, with a word why."""

import datetime as dt

import pytest
import sqlalchemy as sa

from engine import channels, commands, queries, settings
from engine.ids import new_id
from engine.store import read, run
from engine.tables import definition_group, event, process_definition, process_instance
from tests.conftest import actor_of, on_databases
from tests.engine.a_case import DEFINITION, GROUPS, make_case, make_definition
from tests.engine.test_publication_board import publication
from tests.webui.scenes import ASKED, DRAFT

DAY = dt.timedelta(days=1)
YEAR = dt.datetime.now(dt.timezone.utc).year + 2
NEXT = dt.datetime.combine(dt.date.fromisocalendar(YEAR, 20, 1), dt.time(3), dt.timezone.utc)  # a Monday in May, at 10 in Jakarta
THURSDAY = NEXT + 3 * DAY
MAY = f"/publications/calendar?day={NEXT:%Y-%m-%d}"


@pytest.fixture
def office(pe, people, now):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    run(pe, lambda db: db.execute(sa.insert(definition_group), [
        {"definition_id": DEFINITION, "group_id": group, "sees": True, "starts": False} for group in GROUPS]))


@pytest.fixture
def wait(pe, now):
    """A function that makes cases, of the office's one procedure, that wait for their time."""
    def make(count, at=NEXT, on="website facebook", title="Pengumuman"):
        def write(db):
            definition = db.scalar(sa.select(process_definition.c.id))
            db.execute(sa.insert(process_instance), [
                {"id": new_id(now), "tenant_id": "kpu", "definition_id": definition, "definition_key": "penerbitan-informasi", "version": 1,
                 "business_key": f"INF-{at:%d%H%M}-{n}", "title": f"{title} {n}", "state": "{}", "variables": "{}", "started_at": now,
                 "publish_at": at + n * dt.timedelta(minutes=1), "publish_on": on} for n in range(count)])
        run(pe, write)
    return make


@pytest.fixture
def case(pe, people, sop, now):
    """A case of the SOP that waits at its timer."""
    id = commands.start(pe, people["ketua"], now, key=sop).id
    for who, values in (("ketua", ASKED), ("kasubbag", {"penulis": None, "arahan": ""}), ("penulis", DRAFT | {"jenis": "berita"}),
                        ("webadmin", {"terbit_pada": NEXT.isoformat()})):
        commands.complete(pe, people[who], now, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], values)
    return id


def entries(pe, who="admin", at=None, days=7, start=NEXT - dt.timedelta(hours=10), **asked):
    found = queries.schedule(pe, actor_of(who), at or NEXT - 5 * DAY, [start + n * DAY for n in range(days + 1)], **asked)
    return found, [(each["title"], [(c["id"], c["state"]) for c in each["channels"]]) for each in found.entries]


@on_databases
def test_each_stands_at_its_time_with_the_channels_that_are_still_to_come(pe, now, office, wait, people):
    wait(2)
    publication(pe, now, first := next(each["id"] for each in queries.instances(pe, people["admin"]).rows if each["title"].endswith("0")), published_at=NEXT - 6 * DAY)
    publication(pe, now, first, "facebook", "held", waits_until=NEXT + DAY)
    late = make_case(pe, now, "INF-2026-0999")
    publication(pe, now, late, "x", "scheduled", published_at=NEXT - dt.timedelta(hours=1))
    publication(pe, now, late, "website", "manual")
    _, found = entries(pe)
    assert found == [("Pengumuman", [("x", "scheduled")]), ("Pengumuman 1", [("website", "waiting"), ("facebook", "waiting")]),
                     ("Pengumuman 0", [("facebook", "held")])]
    assert entries(pe, channel_id="website")[1] == [("Pengumuman 1", [("website", "waiting")])]
    assert entries(pe, limit=2)[0].more and not entries(pe, limit=3)[0].more
    past = entries(pe, at=NEXT + 2 * DAY)[0]  # the platform has shown it; a held one waits for its worker
    assert [len(each["channels"]) for each in past.entries] == [1] and past.published == {0: 1}
    assert entries(pe, start=NEXT - 6 * DAY)[0].published == {0: 1}
    run(pe, lambda db: db.execute(sa.update(process_instance).values(ended_at=now)))
    assert [title for title, _ in entries(pe)[1]] == ["Pengumuman"]  # what a platform keeps is shown, though its case has ended


def test_who_sees_the_case_sees_it_and_who_may_moves_it(pe, office, wait):
    wait(1)
    assert {who: [each["may_move"] for each in entries(pe, who)[0].entries] for who in ("penulis", "webadmin", "kasubbag", "ketua", "admin", "analis", "pemilik")} \
        == {"penulis": [False], "webadmin": [True], "kasubbag": [True], "ketua": [True], "admin": [True], "analis": [False], "pemilik": [False]}


def test_the_statements_do_not_grow_and_a_full_day_says_how_many_more(office, wait, people, signed_in, statements):
    browser = signed_in("kasubbag")
    browser.get(MAY)
    counts = []
    for count in (1, 39):
        wait(count, at=NEXT + dt.timedelta(minutes=count))
        with statements() as found:
            page = browser.get(MAY).text
        counts.append(len(found))
    assert counts[0] == counts[1] < 14
    assert page.count('class="plan-entry') == 4 and "36 lagi" in page
    day = browser.get(MAY + "&view=day").text
    assert day.count('class="plan-entry') == 40 and "lagi</a>" not in day
    assert browser.get(MAY + "&view=week").text.count('class="plan-entry') == 12


def test_holidays_and_embargoes_are_drawn_in_and_what_was_published_counted(pe, people, now, office, signed_in):
    settings.change(pe, people["admin"], now, "embargo", {"windows": [
        {"from": (NEXT + DAY).isoformat(), "to": (NEXT + 3 * DAY).isoformat(), "reason": "Masa tenang <Pemilihan>", "channels": ["x"]}]})
    publication(pe, now, make_case(pe, now), published_at=now)
    browser = signed_in("analis")
    page = browser.get(MAY).text
    assert page.count("Masa tenang &lt;Pemilihan&gt;") == 3 and "Tidak ada yang menunggu" in page
    assert "Masa tenang" not in browser.get(MAY + "&channel=website").text and "Masa tenang" in browser.get(MAY + "&channel=x").text
    page = browser.get("/publications/calendar?day=2026-03-01").text
    assert "1 terbit" in page and "state=published&amp;since=2026-03-02&amp;until=2026-03-02" in page and "Hari Suci Nyepi" in page
    for wrong in ("?day=kemarin", "?day=0001-01-01", "?day=9999-12-31"):
        assert browser.get(f"/publications/calendar{wrong}").status_code == 400
    assert browser.get("/publications/calendar?view=tahun&channel=tidak-ada").status_code == 200
    assert "/publications/calendar" in browser.get("/publications").text


def test_an_entry_is_moved_by_its_form_and_moved_back(pe, case, signed_in):
    browser, form = signed_in("webadmin"), f"/publications/calendar/{case}"
    page = browser.get(f"{form}?to={THURSDAY:%Y-%m-%d}&view=week").text
    assert f'value="{THURSDAY:%Y-%m-%d}T10:00"' in page and "Website, Facebook" in page
    sent = {"at": f"{THURSDAY:%Y-%m-%d}T10:00", "was": NEXT.isoformat(), "view": "week"}
    assert "Sebutkan alasannya" in browser.post(form, sent, token_from=form).text
    assert browser.post(form, sent | {"at": "besok", "reason": "x"}, token_from=form).status_code == 400
    assert "akan datang" in browser.post(form, sent | {"at": "2020-01-01T10:00", "reason": "x"}, token_from=form).text
    for _ in range(2):  # a second click
        answer = browser.post(form, sent | {"reason": "Menunggu foto."}, token_from=form)
        assert answer.status_code == 303 and f"day={THURSDAY:%Y-%m-%d}&view=week" in answer.headers["Location"]
    page = browser.get(answer.headers["Location"].replace("&was=", "") + f"&was={NEXT:%Y-%m-%dT%H:%M}%2B00:00").text
    assert f"terbit {THURSDAY.day} Mei {YEAR}, 10.00 WIB" in page and "Urungkan" in page
    stale = browser.post(form, sent | {"at": f"{NEXT + 9 * DAY:%Y-%m-%d}T10:00", "reason": "x"}, token_from=form)
    assert stale.status_code == 409 and "baru saja dipindahkan" in stale.text
    undone = browser.post(form, {"at": NEXT.isoformat(), "reason": "Pemindahan diurungkan."}, token_from=form)
    assert undone.status_code == 303 and "was=" not in undone.headers["Location"]
    history = browser.get(f"/cases/{case}").text
    assert f"dipindahkan dari {NEXT.day} Mei {YEAR}, 10.00 WIB ke {THURSDAY.day} Mei {YEAR}, 10.00 WIB" in history and "Menunggu foto." in history
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).where(event.c.type == "publication.rescheduled")) == 2
    assert "Waktu terbit dipindahkan" in signed_in("admin").get("/audit").text


def test_who_may_not_and_what_cannot_be_moved_is_said(pe, people, now, case, signed_in):
    form = f"/publications/calendar/{case}"
    assert [signed_in(who).get(form).status_code for who in ("penulis", "analis")] == [403, 403]
    assert signed_in("webadmin").get("/publications/calendar/tidak-ada").status_code == 404
    commands.suspend_instance(pe, people["admin"], now, case)
    page = signed_in("webadmin").get(form).text
    assert "sedang ditangguhkan" in page and 'name="at"' not in page


def test_into_an_embargo_it_may_go_and_is_said_to_be_held(pe, people, now, case, signed_in):
    settings.change(pe, people["admin"], now, "embargo", {"windows": [
        {"from": (NEXT + DAY).isoformat(), "to": (NEXT + 3 * DAY).isoformat(), "reason": "Masa tenang", "channels": []}]})
    browser, form = signed_in("kasubbag"), f"/publications/calendar/{case}"
    assert f"ditahan sampai {THURSDAY.day} Mei {YEAR}" in browser.get(f"{form}?to={NEXT + 2 * DAY:%Y-%m-%d}").text
    answer = browser.post(form, {"at": f"{NEXT + 2 * DAY:%Y-%m-%d}T10:00", "reason": "Rapat."}, token_from=form)
    assert f"ditahan sampai {THURSDAY.day} Mei {YEAR}" in browser.get(answer.headers["Location"]).text


def test_a_publication_that_is_still_to_come_leads_to_its_form_from_the_case_for_who_may(pe, now, office, wait, signed_in, people):
    wait(1)
    id = queries.instances(pe, people["admin"]).rows[0]["id"]
    link = f'href="/publications/calendar/{id}"'
    for number, (channel, state, more) in enumerate((
            ("website", "published", {"published_at": now}), ("x", "scheduled", {"published_at": NEXT}),
            ("facebook", "held", {"waits_until": NEXT}), ("telegram", "planned", {"waits_until": NEXT}),
            ("instagram", "scheduled", {"published_at": now - DAY}))):
        publication(pe, now, id, channel, state, **more)
        page = signed_in("webadmin").get(f"/cases/{id}").text
        assert page.count(link) == min(number, 3) and page.count("Pindahkan waktu terbit di") == min(number, 3)
    for who in ("penulis", "analis", "pemilik"):
        assert link not in signed_in(who).get(f"/cases/{id}").text
