"""The list of cases and the page of one."""

import io
import re
import zipfile

import pytest

from engine import commands, queries
from tests.engine.small import END, START, chain, deploy, diagram, user_task
from tests.webui.scenes import SOP


@pytest.fixture
def case(pe, people, case_at):
    """A case that waits at `putuskan`."""
    task = queries.task(pe, people["ketua"], case_at("putuskan"))
    return queries.instance(pe, people["ketua"], task["instance_id"])


def test_the_list_finds_by_number_and_title_and_filters_by_state(pe, people, signed_in, case, now):
    ketua = signed_in("ketua")
    for query in ("", f"q={case['business_key']}", "q=pramuka", "state=all", f"key={SOP}"):
        assert case["title"] in ketua.get(f"/cases?{query}").text, query
    for query in ("q=tidak-ada", "state=ended", "state=stuck", "key=lain"):
        assert case["title"] not in ketua.get(f"/cases?{query}").text, query
    commands.cancel(pe, people["admin"], now, case["id"], "dicabut")
    assert case["title"] in ketua.get("/cases?state=ended").text


def test_a_long_list_is_paged_by_a_cursor_without_gap_or_double(pe, people, signed_in, sop, now):
    keys = {commands.start(pe, people["ketua"], now, key=SOP).business_key for _ in range(120)}
    ketua, seen, path = signed_in("ketua"), [], "/cases"
    while path:
        page = ketua.get(path).text
        seen += re.findall(r"INF-\d{4}-\d{4}", page)
        following = re.search(r'href="(/cases\?[^"]*after=[^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == 120 and set(seen) == keys
    assert ketua.get("/cases?after=rusak").status_code == 400


def test_an_empty_list_says_so(signed_in, sop):
    assert "Tidak ada berkas yang berjalan" in signed_in("ketua").get("/cases").text


def test_a_case_tells_who_did_what_and_what_they_wrote(signed_in, case):
    page = signed_in("ketua").get(f"/cases/{case['id']}").text
    for words in ("Menugaskan Kasubbag", "Penulis", "mutu baku 5 jam", "Memutuskan penerbitan", "Jadwal sosialisasi"):
        assert words in page, words


def test_a_tidak_stands_in_the_history_with_its_note(pe, people, signed_in, returned):
    instance_id = queries.task(pe, people["ketua"], returned)["instance_id"]
    page = signed_in("kasubbag").get(f"/cases/{instance_id}").text
    assert "TIDAK" in page and "Nama tempat &lt;b&gt;keliru&lt;/b&gt;." in page
    assert "1 kali" in page


def test_the_diagram_carries_the_token_and_the_way_taken(pe, people, signed_in, returned):
    instance_id = queries.task(pe, people["ketua"], returned)["instance_id"]
    from html import unescape

    page = unescape(signed_in("kasubbag").get(f"/cases/{instance_id}").text)
    assert '"activity_id": "periksa"' in page
    pairs = re.search(r'data-pairs="(\[\[.*?\]\])"', page)[1]
    assert '["sesuai", "periksa"]' in pairs and '["jenis_berita", "terbitkan"]' not in pairs


def test_the_way_back_is_not_shown_as_taken_before_it_was(signed_in, case):
    from html import unescape

    page = unescape(signed_in("ketua").get(f"/cases/{case['id']}").text)
    assert '["sesuai", "periksa"]' not in page


def test_what_a_called_process_stands_at_is_on_a_diagram_of_its_own_for_who_may_see_it(pe, people, signed_in, now):
    from html import unescape

    deploy(pe, people["pemilik"], now, diagram(chain(START, user_task("satu"), user_task("z"), END), "dalam", attributes='camunda:candidateStarterGroups="x"'))
    deploy(pe, people["pemilik"], now, diagram(chain(START, ("c", '<callActivity id="c" name="Periksa" calledElement="dalam"/>'), user_task("z", "sub-bagian"), END), "luar"))
    case = commands.start(pe, people["penulis"], now, key="luar").id
    commands.complete(pe, people["penulis"], now, queries.tasks(pe, people["penulis"], instance_id=case).rows[0]["id"])
    inner = queries.definition(pe, people["admin"], "dalam")["id"]
    page = unescape(signed_in("admin").get(f"/cases/{case}").text)
    [shown] = re.findall(rf'<figure[^>]*/definitions/{inner}/xml.*?>', page, re.DOTALL)
    assert '"activity_id": "z"' in shown and '"activity_id": "c"' not in shown and "#called-" in page
    [own] = re.findall(rf'<figure[^>]*/definitions/{queries.definition(pe, people["admin"], "luar")["id"]}/xml.*?>', page, re.DOTALL)
    assert '"activity_id": "c"' in own and '"activity_id": "z"' not in own  # its own z has not begun
    other = signed_in("kasubbag").get(f"/cases/{case}").text
    assert "Periksa" in other and inner not in other and "#called-" not in other


def test_variables_are_for_admin_and_process_owner_only(signed_in, case):
    path = f"/cases/{case['id']}"
    for user, shown in (("admin", True), ("pemilik", True), ("ketua", False), ("analis", False)):
        assert ("kebenaran_diperiksa" in signed_in(user).get(path).text) is shown, user


def test_what_one_may_not_see_does_not_exist(signed_in, pe, people, case):
    from engine import people as accounts

    accounts.set_groups(pe, people["admin"], case["started_at"], "penulis", [])
    penulis = signed_in("penulis")
    for path in ("", "/archive.zip"):
        assert penulis.get(f"/cases/{case['id']}{path}").status_code == 404
    assert case["title"] not in penulis.get("/cases?state=all").text
    assert signed_in("ketua").get("/cases/tidak-ada").status_code == 404


def test_the_archive_is_a_zip_with_hashes(signed_in, case):
    answer = signed_in("ketua").get(f"/cases/{case['id']}/archive.zip")
    assert answer.mimetype == "application/zip"
    assert f"{case['business_key']}.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as package:
        assert {"arsip.json", "SHA256SUMS"} <= set(package.namelist())


def test_only_an_admin_cancels_and_says_why(pe, people, signed_in, case):
    path = f"/cases/{case['id']}"
    assert signed_in("ketua").post(f"{path}/mend/cancel", {"reason": "x"}).status_code == 403
    admin = signed_in("admin")
    assert admin.post(f"{path}/mend/cancel", {"reason": "  "}).status_code == 400
    assert queries.instance(pe, people["admin"], case["id"])["ended_at"] is None
    assert admin.post(f"{path}/mend/cancel", {"reason": "Kegiatan batal"}).status_code == 303
    assert queries.instance(pe, people["admin"], case["id"])["end_reason"] == "cancelled"
    page = admin.get(path).text
    assert "Dibatalkan" in page
    assert admin.post(f"{path}/mend/cancel", {"reason": "lagi"}).status_code == 409


def test_only_an_admin_suspends_a_case(pe, people, signed_in, case):
    path = f"/cases/{case['id']}"
    assert signed_in("pemilik").post(f"{path}/mend/suspend", {"reason": "Menunggu"}).status_code == 403
    admin = signed_in("admin")
    assert admin.post(f"{path}/mend/suspend", {"reason": "Menunggu"}).status_code == 303
    assert "Ditangguhkan" in admin.get(path).text
    assert admin.post(f"{path}/mend/activate", {"reason": "Lanjut"}).status_code == 303
    assert not queries.instance(pe, people["admin"], case["id"])["suspended"]


def test_a_case_of_a_thousand_steps_shows_the_last_and_offers_the_rest(pe, people, signed_in, case, now):
    from tests.webui.scenes import CHECKS, DRAFT

    for _ in range(40):
        for who, values in (("ketua", {"keputusan": "tidak", "catatan": "lagi"}), ("kasubbag", {**CHECKS, **DRAFT})):
            (task,) = queries.tasks(pe, people["admin"], instance_id=case["id"]).rows
            commands.complete(pe, people[who], now, task["id"], values)
    ketua = signed_in("ketua")
    page, whole = (ketua.get(f"/cases/{case['id']}{tail}").text for tail in ("", "?all=1"))
    assert page.count('class="history-item') == 60 and "langkah sebelumnya" in page
    assert whole.count('class="history-item') > 80
    assert "40 kali" in page


def test_pages_ask_few_statements_however_many_there_are(pe, people, signed_in, case, now, statements):
    ketua = signed_in("ketua")
    ketua.get("/cases"), ketua.get(f"/cases/{case['id']}")  # what never changes is kept from now on
    with statements() as few:
        ketua.get("/cases")
    for _ in range(60):
        commands.start(pe, people["ketua"], now, key=SOP)
    with statements() as many:
        ketua.get("/cases")
    assert len(many) == len(few) <= 5
    with statements() as page:
        ketua.get(f"/cases/{case['id']}")
    assert len(page) <= 19, "\n".join(page)
