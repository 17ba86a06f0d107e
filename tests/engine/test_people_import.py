"""People from a CSV file, as spreadsheets write it; groups; and who sees and starts which procedure."""

import csv
import io
import threading

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import api_tokens, commands, credentials, demo, groups, load, people_import, queries, reach
from engine import people as accounts
from engine.store import read
from engine.tables import user
from tests.conftest import on_databases

HEADER = "nama_pengguna;nama;jabatan;surel;grup;kepala;status\r\n"


def planned(pe, admin, text):
    return people_import.plan(pe, admin, people_import.decode(text if isinstance(text, bytes) else text.encode()))


def done(pe, admin, now, text, **more):
    return people_import.do(pe, admin, now, text, people_import.plan(pe, admin, text).mark, send_links=False, **more)


SPELLINGS = {
    "as Excel writes UTF-8": ("\ufeff" + HEADER + 'siti;"Siti; Aminah";;;Pelaksana;;\r\n').encode(),
    "with commas": b'nama_pengguna,nama,grup\nsiti,"Siti; Aminah","pelaksana,"\n',
    "Excel's Unicode text": "Nama Pengguna\tNama Lengkap *\tGrup\r\nSITI\tSiti; Aminah\tpelaksana\r\n".encode("utf-16"),
    "with a separator named": b'sep=;\r\nid;name;group\r\nsiti;"Siti; Aminah";PELAKSANA\r\n;;\r\n',
    "with old line ends": b'id;name;group\rsiti;"Siti; Aminah";pelaksana\r',
}


def test_a_file_is_understood_as_it_is_written(pe, people, admin):
    for name, content in SPELLINGS.items():
        [row] = planned(pe, admin, content).rows
        assert (row.id, row.state, row.values["name"], row.values["groups"]) == ("siti", "new", "Siti; Aminah", {"pelaksana"}), name


NO_FILES = [
    (b"", "paling sedikit"), (b"nama_pengguna;nama", "tidak berisi"), (b"nama;jabatan\nA;B", "paling sedikit"),
    (b"id;gaji\na;1", "gaji"), (b"id;id\na;b", "dua kali"), (b"PK\x03\x04" + b"x" * 99, "Excel"), (b"\0\0\0\0", "bukan teks"),
    (b"id;name\n" + b"a;" + b"x" * 200_000, "CSV"), (b'id;name\na;"x', "CSV"), (b"x" * (people_import.MOST_BYTES + 1), "besar"),
    (b"id;name\n" + b"a;b\n" * 6000, "Paling banyak"),
]


def test_what_is_no_such_file_is_refused_with_the_reason(pe, people, admin):
    for content, said in NO_FILES:
        with pytest.raises(Invalid) as refused:
            planned(pe, admin, content)
        assert said in str(refused.value)


def test_each_wrong_row_says_its_line_and_column_and_nothing_is_done(pe, people, admin, now):
    text = (HEADER + 'baik;Baik;;;pelaksana;;\r\n"a b";Nama;;;;;\r\nbaik;Lagi;;;;;\r\ntanpa;;;;;;\r\nsurel;N;;bukan;;;\r\n'
            "grup;N;;;raja;;\r\nkepala;N;;;pelaksana;sub-bagian;\r\nstatus;N;;;;;entah\r\nlebih;N;;;;;;x\r\n"
            'dua;"baris\r\ndua";;;;;\r\nadmin;Admin;;;;;\r\n')
    found = planned(pe, admin, text)
    wrong = {row.line: [(each.column, each.message) for each in row.problems] for row in found.rows if row.state == "wrong"}
    assert {line: problems[0][0] for line, problems in wrong.items()} == {
        3: "nama_pengguna", 4: "nama_pengguna", 5: "nama", 6: "surel", 7: "grup", 8: "kepala", 9: "status", 10: "", 11: "nama", 13: "grup"}
    with pytest.raises(Invalid):
        people_import.do(pe, admin, now, text, found.mark, send_links=False)
    assert accounts.account(pe, "baik") is None


@on_databases
def test_an_import_is_done_at_once_and_again_it_changes_nothing(pe, people, admin, now):
    text = HEADER + "siti;Siti;Staf;siti@kpu.example;pelaksana, sub-bagian;sub-bagian;aktif\r\nketua;Ketua Baru;;;ketua-divisi;;\r\npenulis;Penulis Demo;Fungsional umum;;pelaksana;;nonaktif\r\n"
    assert [row.state for row in planned(pe, admin, text).rows] == ["new", "changed", "changed"]
    api_tokens.create(pe, people["penulis"], now, name="skrip")
    links = done(pe, admin, now, text)
    assert list(links) == ["siti"] and links["siti"].startswith("/set-password/")
    siti = accounts.account(pe, "siti")
    assert (siti["groups"], siti["heads"], siti["has_password"]) == ({"pelaksana", "sub-bagian"}, {"sub-bagian"}, False)
    assert accounts.account(pe, "ketua")["name"] == "Ketua Baru" and not accounts.account(pe, "penulis")["active"]
    assert api_tokens.of(pe, admin, "penulis") == []
    assert credentials.authenticate(pe, "ketua", demo.PASSWORD)  # who was there keeps theirs
    assert {row.state for row in planned(pe, admin, text).rows} == {"same"}
    with pytest.raises(Forbidden):
        people_import.plan(pe, people["ketua"], text)


def test_what_has_changed_since_it_was_shown_is_shown_again(pe, people, admin, now):
    text = HEADER + "ketua;Ketua Baru;;;ketua-divisi;;\r\n"
    mark = people_import.plan(pe, admin, text).mark
    accounts.update_user(pe, admin, now, "ketua", title="Lain")
    with pytest.raises(Conflict):
        people_import.do(pe, admin, now, text, mark, send_links=False)
    with pytest.raises(Conflict):
        people_import.do(pe, admin, now, text + "baru;Baru;;;;;\r\n", mark, send_links=False)


@on_databases
def test_an_edit_made_while_a_file_is_being_done_is_not_lost(pe, people, admin, now, monkeypatch):
    text = HEADER + "ketua;Ketua Baru;;;ketua-divisi;;\r\n"
    mark = people_import.plan(pe, admin, text).mark
    edits = [threading.Thread(target=accounts.update_user, args=(pe, admin, now, "ketua"), kwargs={"name": "Ketua Lain"}),
             threading.Thread(target=accounts.set_groups, args=(pe, admin, now, "ketua", ["pelaksana"]))]
    write = people_import._write

    def between(*args):  # what is in the file was compared with what is there, and nothing is written yet
        for edit in edits:
            edit.start()
            edit.join(0.3)
        return write(*args)

    monkeypatch.setattr(people_import, "_write", between)
    people_import.do(pe, admin, now, text, mark, send_links=False)
    for edit in edits:
        edit.join()
    found = accounts.account(pe, "ketua")
    assert (found["name"], found["groups"]) == ("Ketua Lain", {"pelaksana"})


def test_nobody_loses_their_own_right_by_a_file(pe, people, admin, now):
    for line, column in (("admin;Admin;;;analyst;;", "grup"), ("admin;Admin;;;admin;;nonaktif", "status")):
        [row] = planned(pe, admin, HEADER + line).rows
        assert [each.column for each in row.problems] == [column]


def test_a_thousand_rows_take_few_statements_until_they_are_done(pe, people, admin, now):
    text = HEADER + "".join(f"orang{n};Orang {n};;;pelaksana;;\r\n" for n in range(1000))
    seen = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *args: seen.append(args[2]))
    found = people_import.plan(pe, admin, text)
    assert found.count("new") == 1000 and len(seen) <= 6
    assert len(people_import.do(pe, admin, now, text, found.mark, send_links=False)) == 1000


def test_what_is_written_out_is_no_formula_and_comes_back_the_same(pe, people, admin, now):
    for id, name in (("a1", "=HYPERLINK(1)"), ("a2", "+62 8"), ("a3", "-"), ("a4", "@cmd"), ("a5", 'Siti "x"; y'), ("a6", "'Aisyah"),
                     ("a7", "＝1+1")):
        accounts.create_user(pe, admin, now, id=id, name=name, password=None, groups=["pelaksana", "analyst"], heads=["pelaksana"])
    text = people_import.export(pe, admin)
    cells = [cell for row in csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=";") for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "＝"))]
    assert {row.state for row in planned(pe, admin, text).rows} == {"same"}
    assert [row.state for row in planned(pe, admin, people_import.template()).rows] == ["new", "new"]
    with pe.db.connect() as db:
        assert db.scalar(sa.select(user.c.name).where(user.c.id == "a1")) == "=HYPERLINK(1)"


# Groups ---------------------------------------------------------------------------------------------------------------

def test_groups_say_who_is_in_them_and_can_be_made(pe, people, admin, now):
    accounts.set_groups(pe, admin, now, "ketua", ["ketua-divisi"], ["ketua-divisi"])
    seen = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *args: seen.append(args[2]))
    rows = {row["id"]: row for row in groups.overview(pe, admin)}
    assert [row["id"] for row in groups.members(pe, admin, "pelaksana").rows] == ["penulis", "webadmin"] and len(seen) == 3
    assert rows["pelaksana"]["members"] == 2 and rows["ketua-divisi"]["heads"] == ["Ketua Demo"]
    groups.create(pe, admin, now, "hukum", "Sub Bagian Hukum")
    with pytest.raises(Conflict):
        groups.create(pe, admin, now, "hukum", "Lagi")
    for id, name in (("", "x"), ("A B", "x"), ("../x", "x"), ("x" * 65, "x"), ("ok", " ")):
        with pytest.raises(Invalid):
            groups.create(pe, admin, now, id, name)
    for id in ("tidak-ada", "\0", "\ud800"):
        with pytest.raises(NotFound):
            groups.get(pe, admin, id)
    for command in (lambda: groups.overview(pe, people["ketua"]), lambda: groups.create(pe, people["ketua"], now, "x", "x")):
        with pytest.raises(Forbidden):
            command()


# Who sees and starts what ---------------------------------------------------------------------------------------------

@pytest.fixture
def sop(pe, people, now):
    from engine import channels, installation

    channels.seed_channels(pe, now, "kpu")
    installation.deploy_shipped(pe, now, installation.MODELS / "penerbitan-informasi")
    return "penerbitan-informasi"


def test_more_groups_see_and_others_start_at_once_and_in_later_versions(pe, people, admin, now, sop):
    groups.create(pe, admin, now, "hukum", "Hukum")
    accounts.create_user(pe, admin, now, id="sari", name="Sari", password=None, groups=["hukum"])
    sari, ketua = accounts.actor(pe, "sari"), people["ketua"]
    case = commands.start(pe, ketua, now, key=sop).id
    with pytest.raises(NotFound):
        queries.instance(pe, sari, case)
    assert not queries.definitions(pe, sari).rows and not queries.instances(pe, sari).rows
    reach.change(pe, admin, now, sop, sees=["hukum", "pelaksana", "admin"], starts=None)
    assert queries.instance(pe, sari, case)["id"] == case and [row["id"] for row in queries.instances(pe, sari).rows] == [case]
    assert not queries.definitions(pe, sari, startable=True, at=now).rows  # to see is not to start
    [row] = [row for row in reach.overview(pe, admin, now) if row["key"] == sop]
    assert row["sees"] == ["hukum"] and row["starts"] is None
    reach.change(pe, admin, now, sop, sees=[], starts=["hukum"])
    assert commands.start(pe, sari, now, key=sop).id
    with pytest.raises(Forbidden):
        commands.start(pe, ketua, now, key=sop)
    with pytest.raises(NotFound):
        queries.instance(pe, sari, case)
    assert commands.start(pe, admin, now, key=sop).id  # admin always
    files = load_resources(pe, admin, sop, now)
    commands.deploy(pe, people["pemilik"], now, name="lagi", resources={name: content + b"\n" for name, content in files.items()})
    assert [row["key"] for row in queries.definitions(pe, sari, startable=True, at=now).rows] == [sop]
    reach.change(pe, admin, now, sop, sees=[], starts=None)
    assert commands.start(pe, ketua, now, key=sop).id and not queries.definitions(pe, sari).rows


def load_resources(pe, admin, sop, now):
    found = queries.definition(pe, admin, sop, now)
    with read(pe) as db:
        return load.resources(db, found["deployment_id"])


def test_a_wrong_choice_is_refused_whole(pe, people, admin, now, sop):
    for error, key, sees, starts in ((Invalid, sop, ["raja"], None), (Invalid, sop, [], []), (Invalid, sop, [], ["raja"]),
                                     (NotFound, "tidak-ada", [], None)):
        with pytest.raises(error):
            reach.change(pe, admin, now, key, sees=sees, starts=starts)
    with pytest.raises(Forbidden):
        reach.change(pe, people["pemilik"], now, sop, sees=[], starts=None)
    assert commands.start(pe, people["ketua"], now, key=sop).id
