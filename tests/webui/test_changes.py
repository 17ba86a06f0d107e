"""On every return: the content as it was and as it is, side by side, with what was said about it."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import commands, queries
from tests.webui.scenes import CHECKS, DRAFT, form_data
from webui.changes import compare, rows

NO = {"keputusan": "tidak", "catatan": "Judul terlalu panjang."}


def whole(pieces):
    return "".join(words for _, words in pieces or [])


def marked(page, tag):
    return [html.unescape(words) for words in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)]


@pytest.fixture
def rounds(pe, people, now, case_at):
    """A function that takes a case through rounds: each a change of the Kasubbag and, after it, a TIDAK with this note."""
    def play(*played):
        task = case_at("periksa")
        case = queries.task(pe, people["kasubbag"], task)["instance_id"]
        content = DRAFT
        for changed, note in played:
            content = {**content, **changed}
            commands.complete(pe, people["kasubbag"], now, open_task(case), {**CHECKS, **content})
            if note:
                commands.complete(pe, people["ketua"], now, open_task(case), {**NO, "catatan": note})
        return open_task(case)

    def open_task(case):
        return queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    return play


WORDS = st.lists(st.sampled_from(["Pemilu", "2029", "rapat", ",", ".", " ", " ", "\n", "\n\n", "🙏", "<b>"]), max_size=40).map("".join)


@given(WORDS, WORDS)
def test_both_sides_hold_their_whole_text_and_only_what_differs_is_marked(before, after):
    found = rows(before, after)
    for side, text in (("before", before), ("after", after)):
        assert "".join(whole(getattr(row, side)) for row in found) == re.sub(r"\n\s*\n", "", text.strip())
    for row in found:
        kept = [whole([piece for piece in side or [] if piece[0] == "same"]).split() for side in (row.before, row.after)]
        assert kept[0] == kept[1]
    assert all(row.same for row in rows(before, before))


def test_words_are_marked_not_letters():
    row, = rows("Kantor buka pukul delapan.", "Kantor buka pukul sembilan pagi.")
    assert row.before == [("same", "Kantor buka pukul "), ("del", "delapan"), ("same", ".")]
    assert row.after == [("same", "Kantor buka pukul "), ("ins", "sembilan pagi"), ("same", ".")]


def test_a_new_paragraph_stands_alone():
    found = rows("Satu.\n\nTiga.", "Satu.\n\nDua.\n\nTiga.")
    assert [(row.before, row.after) for row in found if not row.same] == [(None, [("ins", "Dua.")])]


def test_a_very_long_paragraph_is_one_change():
    row, = rows("kata " * 3000, "kata " * 3000 + "lagi")
    assert [kind for kind, _ in row.before] == ["del"] and [kind for kind, _ in row.after] == ["ins"]


def test_pictures_are_told_apart_by_what_is_in_them():
    one, two, three = ({"document": n, "name": f"{n}.jpg", "sha256": n, "alt": "A"} for n in "123")
    found = compare({"gambar": [one, two]}, {"gambar": [{**two, "document": "9", "alt": "B"}, three]}).files["gambar"]
    assert [(kind, file["name"]) for kind, file in found] == [("del", "1.jpg"), ("alt", "2.jpg"), ("ins", "3.jpg")]
    assert not compare({"gambar": [one]}, {"gambar": [one]}).any


def test_nothing_is_compared_before_a_return(signed_in, case_at, rounds):
    assert 'class="card changes"' not in signed_in("kasubbag").get(f"/tasks/{case_at('periksa')}").text
    assert 'class="card changes"' not in signed_in("ketua").get(f"/tasks/{rounds(({'judul': 'Judul lain'}, ''))}").text


def test_the_kasubbag_sees_what_the_last_round_changed(signed_in, rounds):
    page = signed_in("kasubbag").get(f"/tasks/{rounds(({'isi': 'Kami mengundang **pemilih muda**.'}, 'Kurang tepat.'))}").text
    assert marked(page, "del") == ["pemula"] and marked(page, "ins") == ["muda"]
    assert "Kurang tepat." in page and "TIDAK: dikembalikan oleh Ketua Demo" in page


def test_the_ketua_sees_what_changed_since_the_tidak(signed_in, rounds):
    task = rounds(({"isi": "Kami mengundang **pemilih muda**."}, "Kurang tepat."),
                  ({"judul": "Sosialisasi di Pulau Tidung", "ringkasan": None}, ""))
    page = signed_in("ketua").get(f"/tasks/{task}").text
    assert marked(page, "del") == ["Pramuka", "Undangan."] and marked(page, "ins") == ["Tidung"]


def test_each_round_keeps_its_note(signed_in, rounds):
    task = rounds(({"judul": "Judul kedua"}, "Catatan pertama."), ({"judul": "Judul ketiga"}, "Catatan kedua."),
                  ({"judul": "Judul keempat"}, ""))
    page = signed_in("ketua").get(f"/tasks/{task}").text
    assert marked(page, "del") == ["ketiga"] and marked(page, "ins") == ["keempat"]
    assert page.index("Catatan pertama.") < page.index("Catatan kedua.", page.index("Catatan pertama."))
    kasubbag = signed_in("kasubbag").get(f"/tasks/{rounds(({'judul': 'Judul kedua'}, 'Satu.'), ({'judul': 'Judul ketiga'}, 'Dua.'))}").text
    assert marked(kasubbag, "del") == ["kedua"] and marked(kasubbag, "ins") == ["ketiga"]


def test_a_round_that_changed_nothing_says_so(signed_in, rounds):
    page = signed_in("ketua").get(f"/tasks/{rounds(({}, 'Perbaiki.'), ({}, ''))}").text
    assert "Isi, gambar, dan lampiran masih sama." in page and not marked(page, "ins")


def test_what_was_written_is_shown_and_never_run(signed_in, rounds):
    page = signed_in("kasubbag").get(f"/tasks/{rounds(({'isi': '<script>alert(1)</script>'}, '<img src=x>'))}").text
    assert "<script>alert" not in page and "<img src=x>" not in page and "&lt;script&gt;" in page


def test_more_rounds_cost_no_more_statements(signed_in, rounds, statements):
    counts = []
    for number in (1, 6):
        task, browser = rounds(*[({"judul": f"Judul putaran {n}"}, "Lagi.") for n in range(number)]), signed_in("kasubbag")
        browser.get(f"/tasks/{task}")
        with statements() as found:
            assert browser.get(f"/tasks/{task}").status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_a_ralat_is_compared_with_what_stands_published(pe, people, now, signed_in, sop):
    """Its case begins with the published content: that is what it is held against until somebody sends it back."""
    case = commands.start(pe, people["ketua"], now, key="penerbitan-informasi",
                          variables={"kanal": ["website"], "ralat_sebelumnya": [], **DRAFT}).id
    for values in ({"kanal": ["website"]}, {"penulis": None}, {**DRAFT, "judul": "Sosialisasi di Pulau Tidung"}):
        task = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
        page = signed_in("admin").get(f"/tasks/{task}").text
        assert 'class="card changes"' not in page
        commands.complete(pe, people["penulis" if "judul" in values else "kasubbag" if "penulis" in values else "ketua"], now, task, values)
    page = signed_in("kasubbag").get(f"/tasks/{queries.tasks(pe, people['admin'], instance_id=case).rows[0]['id']}").text
    assert marked(page, "del") == ["Pramuka"] and marked(page, "ins") == ["Tidung"] and "Dibandingkan dengan yang sudah terbit" in page


def test_a_return_through_the_page_is_a_round_too(signed_in, rounds):
    task = rounds(({"judul": "Judul kedua"}, ""))
    signed_in("ketua").post(f"/tasks/{task}", form_data(NO))
    page = signed_in("kasubbag")
    inbox = page.get("/").text
    assert "Judul terlalu panjang." in page.get(re.search(r'href="(/tasks/[0-9a-f-]{36})', inbox)[1]).text
