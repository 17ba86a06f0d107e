"""A post per channel: previewed as it will go out, refused at its field before approval, given to the Web Admin word for word."""

import html
import io
import json
import re

import pytest
from PIL import Image

from connectors import Context
from engine import channels, commands, documents, queries
from tests.webui.scenes import ASKED, CHECKS, DRAFT, form_data

EVERYWHERE = ["website", "facebook", "instagram", "x", "youtube", "telegram"]


def errors(page):
    return {key: html.unescape(text) for key, text in re.findall(r'class="field-error" id="v-(\w+)-error">([^<]*)<', page)}


@pytest.fixture
def picture(pe, people, now):
    """A function that keeps a picture for a task and returns its value."""
    def keep(task, name="peta.jpg", size=(1200, 900), alt="Peta pulau", who="penulis"):
        out = io.BytesIO()
        Image.new("RGB", size).save(out, "JPEG")
        value = documents.store_upload(pe, people[who], now, stream=io.BytesIO(out.getvalue()), name=name, variable="gambar", task_id=task)
        return value | ({"alt": alt} if alt else {})
    return keep


def sent(values, pictures=()):
    data = form_data({k: v for k, v in values.items() if k != "gambar"})
    data["v-gambar-kept"] = [json.dumps(p) for p in pictures]
    return data | {f"v-gambar-alt-{p['document']}": p.get("alt", "") for p in pictures}


def panel(page, channel):
    return html.unescape(page.split(f'id="channel-{channel}"')[1].split("</section>")[0])


def test_only_the_texts_of_chosen_channels_are_asked(signed_in, case_at):
    page = signed_in("penulis").get(f"/tasks/{case_at('siapkan', kanal=['website', 'x'])}").text
    hidden = {key: " hidden" in rest for key, rest in re.findall(r'data-field="(teks_\w+)"([^>]*)>', page)}
    assert hidden == {"teks_facebook": True, "teks_instagram": True, "teks_x": False, "teks_youtube": True, "teks_tiktok": True,
                      "teks_telegram": True}


def test_the_page_asks_by_the_case_which_texts_to_show(signed_in, case_at):
    task, browser = case_at("siapkan", kanal=["website", "x"]), signed_in("penulis")
    assert {"teks_x"} == {k for k in browser.post(f"/tasks/{task}/shown", form_data(DRAFT)).json if k.startswith("teks_")}
    gone = browser.post(f"/tasks/{task}/shown", form_data({**DRAFT, "klasifikasi": "dikecualikan"})).json
    assert not [k for k in gone if k.startswith("teks_")]


def test_what_does_not_fit_is_refused_at_its_field_before_approval(pe, people, signed_in, case_at):
    task, browser = case_at("siapkan", kanal=EVERYWHERE), signed_in("penulis")
    answer = browser.post(f"/tasks/{task}", form_data({**DRAFT, "judul": "J" * 120, "teks_x": "日本語" * 60}))
    assert answer.status_code == 400
    assert errors(answer.text) == {"judul": "Judul di YouTube paling banyak 100 huruf; sekarang 120.",
                                   "gambar": "Instagram memerlukan sedikitnya satu gambar.",
                                   "teks_x": "Paling banyak 280 menurut hitungan X; sekarang 360."}
    assert queries.task(pe, people["penulis"], task)["ended_at"] is None


def test_rest_refuses_the_same(app, case_at):
    task, asking = case_at("siapkan", kanal=["x"]), app.test_client()
    for text, status in (("a" * 281, 400), ("a" * 280, 204)):
        body = {"variables": {k: {"value": v} for k, v in {**DRAFT, "teks_x": text}.items()}}
        answer = asking.post(f"/engine-rest/task/{task}/submit-form", json=body, auth=("penulis", "terbit-demo"))
        assert answer.status_code == status and (status == 204 or "teks_x" in answer.text)


def test_excluded_information_is_not_asked_to_fit(signed_in, case_at):
    task = case_at("siapkan", kanal=["instagram"])
    values = {"jenis": "pengumuman", "klasifikasi": "dikecualikan", "dasar_pengecualian": "Huruf a", "judul": "Rahasia"}
    assert signed_in("penulis").post(f"/tasks/{task}", form_data(values)).status_code == 303


def test_every_picture_says_what_it_shows(pe, people, signed_in, case_at, picture):
    task, browser = case_at("siapkan"), signed_in("penulis")
    answer = browser.post(f"/tasks/{task}", sent(DRAFT, [picture(task), picture(task, "poster.jpg", alt="")]))
    assert answer.status_code == 400
    assert errors(answer.text) == {"gambar": "Tuliskan apa yang tampak pada poster.jpg, untuk pembaca layar."}
    fields = re.findall(r'<input class="form-control form-control-sm"[^>]*-alt-[^>]*>', answer.text)
    assert [("aria-invalid" in f, 'aria-required="true"' in f) for f in fields] == [(False, True), (True, True)]
    assert browser.post(f"/tasks/{task}", sent(DRAFT, [picture(task)])).status_code == 303


def test_the_preview_shows_each_post_as_it_will_go_out(signed_in, case_at, picture):
    task, browser = case_at("siapkan", kanal=EVERYWHERE), signed_in("penulis")
    values = {**DRAFT, "teks_x": "Hadir di <b>Pulau Pramuka</b> 🙏 https://kpu.go.id/sangat/panjang/sekali"}
    page = browser.post(f"/preview/tasks/{task}/channels", sent(values, [picture(task, size=(900, 1600))])).text
    assert "Hadir di <b>Pulau Pramuka</b> 🙏" in panel(page, "x") and "<b>Pulau" not in page
    assert "56 / 280" in panel(page, "x") and "ditulis khusus" in panel(page, "x")
    facebook = panel(page, "facebook")
    assert "Sosialisasi di Pulau Pramuka\n\nUndangan.\n\nhttp" in facebook and "/situs/sosialisasi-di-pulau-pramuka-inf-" in facebook
    assert "akan dipotong di Instagram" in panel(page, "instagram") and 'alt="Peta pulau"' in panel(page, "instagram")
    assert "/ 1024" in panel(page, "telegram") and "memerlukan video" in panel(page, "youtube")
    counts = json.loads(html.unescape(re.search(r'data-counts="([^"]+)"', page)[1]))
    assert counts["teks_x"] == {"used": 56, "limit": 280, "over": False, "own": True, "fits": True} and not counts["teks_facebook"]["own"]


def test_who_may_not_see_the_task_sees_no_preview(pe, people, now, signed_in, case_at):
    from engine.people import create_user

    create_user(pe, people["admin"], now, id="tamu", name="Tamu", password="terbit-demo")
    assert signed_in("tamu").post(f"/preview/tasks/{case_at('siapkan')}/channels", {}).status_code == 404


FORGED = {"document": "x", "name": "n", "media_type": "image/png", "size": 1, "sha256": "../.."}


@pytest.mark.parametrize("data", [{}, {"v-gambar-kept": "rusak"}, {"v-judul": "\x00\ud7ff", "v-isi": "a" * 99_000},
                                  {"v-gambar-kept": json.dumps(FORGED)}])
def test_a_preview_of_anything_is_a_preview(signed_in, case_at, data):
    task = case_at("siapkan", kanal=[*EVERYWHERE, "kanal-lama"])
    assert signed_in("penulis").post(f"/preview/tasks/{task}/channels", data).status_code == 200


def test_the_ketua_sees_what_each_channel_will_show(pe, people, now, signed_in, case_at):
    task = case_at("periksa", kanal=["website", "x"])
    case = queries.task(pe, people["kasubbag"], task)["instance_id"]
    commands.complete(pe, people["kasubbag"], now, task, {**CHECKS, **DRAFT, "teks_x": "Khusus untuk X"})
    putuskan = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    page = signed_in("ketua").get(f"/tasks/{putuskan}").text
    assert "Khusus untuk X" in panel(page, "x") and f'src="/preview/tasks/{putuskan}/"' in panel(page, "website")
    commands.complete(pe, people["ketua"], now, putuskan, {"keputusan": "sesuai"})
    variables = queries.instance_variables(pe, people["admin"], case)
    assert variables["teks_kanal"]["x"] == "Khusus untuk X" and variables["segel"]


def test_the_web_admin_copies_the_text_that_was_approved(pe, people, now, signed_in, manual):
    page = html.unescape(signed_in("webadmin").get(f"/tasks/{manual}").text)
    text = re.search(r'id="package-post"[^>]*>([^<]*)<', page)[1]
    assert text.startswith("Sosialisasi di Pulau Pramuka\n\nUndangan.") and "/ 63206" in page
    assert ASKED["kanal"] and "Isi, teks biasa" in page


def test_the_previewed_address_is_the_one_that_the_site_gives(pe, people, signed_in, case_at):
    task = case_at("siapkan", kanal=["website", "facebook"])
    page = signed_in("penulis").post(f"/preview/tasks/{task}/channels", form_data(DRAFT)).text
    key = queries.task(pe, people["penulis"], task)["business_key"]
    site = channels.connector_for(pe, "kpu", "website")
    assert f"{site.look.url}{site._free_slug(DRAFT['judul'], key)}/" in page and isinstance(channels.context(pe), Context)


def test_the_preview_costs_few_statements(signed_in, case_at, statements, picture):
    task, browser = case_at("siapkan", kanal=EVERYWHERE), signed_in("penulis")
    data = {"csrf_token": browser.token("/"), **sent(DRAFT, [picture(task) for _ in range(8)])}
    with statements() as found:
        browser.client.post(f"/preview/tasks/{task}/channels", data=data)
    assert len(found) <= 14, "\n".join(found)


def test_a_thread_is_shown_as_its_posts_and_a_video_with_the_first(pe, people, now, signed_in, case_at):
    keys = dict.fromkeys(("consumer_key", "consumer_secret", "access_token", "access_secret"), "kunci")
    channels.save_channel(pe, people["admin"], now, id="x", name="X", connector="x", config={"thread": True}, secrets=keys)
    task = case_at("siapkan", kanal=["website", "x"])
    film = FORGED | {"name": "rapat.mp4", "media_type": "video/mp4"}
    data = form_data({**DRAFT, "teks_x": "Pemungutan suara berlangsung di semua pulau. " * 14}) | {"v-lampiran-kept": [json.dumps(film)]}
    page = signed_in("penulis").post(f"/preview/tasks/{task}/channels", data).text
    shown = panel(page, "x")
    assert [f"{n}/3" in shown for n in (1, 2, 3)] == [True] * 3 and shown.count("<article") == 3 and "3 kiriman bersambung" in shown
    assert shown.count("rapat.mp4") == 1 and "Belum muat" not in shown


def test_threads_shows_a_thread_where_that_is_wished(pe, people, now, signed_in, case_at):
    task, data = case_at("siapkan", kanal=["threads"]), form_data({**DRAFT, "ringkasan": "Pemungutan suara berlangsung di semua pulau. " * 20})
    for thread, count in ((False, 1), (True, 2)):
        channels.save_channel(pe, people["admin"], now, id="threads", name="Threads", connector="threads", secrets={"client_secret": "rahasia"},
                              config={"thread": thread, "client_id": "1"})
        shown = panel(signed_in("penulis").post(f"/preview/tasks/{task}/channels", data).text, "threads")
        assert shown.count("<article") == count and ("kiriman bersambung" in shown) == thread
