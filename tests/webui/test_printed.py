"""A procedure's printed SOP in the browser: for whoever takes part in it, and nobody else."""

import io

import docx
import pypdf
import pytest

from engine import commands, queries
from tests.bpmn.lanes import diagram, end, start, task
from tests.webui.scenes import SOP

PDF, DOCX = f"/definitions/{SOP}/sop.pdf", f"/definitions/{SOP}/sop.docx"


@pytest.mark.parametrize("who", ["pemilik", "penulis", "kasubbag", "ketua", "webadmin", "analis"])
def test_who_takes_part_or_oversees_has_the_sop_on_paper(signed_in, sop, who):
    answer = signed_in(who).get(PDF)
    assert answer.status_code == 200 and answer.mimetype == "application/pdf"
    assert "versi 1.pdf" in answer.headers["Content-Disposition"] and answer.headers["Content-Disposition"].startswith("inline")
    assert len(pypdf.PdfReader(io.BytesIO(answer.data)).pages) == 6


def test_the_docx_is_a_download(signed_in, sop):
    answer = signed_in("kasubbag").get(DOCX)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert len(docx.Document(io.BytesIO(answer.data)).tables) == 4


def test_strangers_sign_in_and_who_has_no_part_sees_nothing(stranger, signed_in, pe, people, sop, now):
    assert stranger.get(PDF).status_code in (302, 303)
    nodes = [start(), task("a", 0, "Rahasia"), end()]
    content = diagram(nodes, [("start", "a"), ("a", "end")], ["Arsiparis"]).replace(b"id='lane0'", b"id='arsiparis'")
    commands.deploy(pe, people["pemilik"], now, name="lain", resources={"lain.bpmn": content})
    assert signed_in("pemilik").get("/definitions/p/sop.pdf").status_code == 200
    assert signed_in("penulis").get("/definitions/p/sop.pdf").status_code == 404
    assert signed_in("pemilik").get("/definitions/tidak-ada/sop.pdf").status_code == 404
    assert signed_in("pemilik").get(f"/definitions/{SOP}/sop.exe").status_code == 404


def test_a_diagram_without_lanes_is_said_to_have_none(signed_in, pe, people, sop, now):
    nodes = [start(None), ("a", "userTask", None, "A", ""), end(None)]
    content = diagram(nodes, [("start", "a"), ("a", "end")], []).replace(b"<userTask id='a'", b"<userTask id='a' camunda:candidateGroups='pelaksana'")
    commands.deploy(pe, people["pemilik"], now, name="lain", resources={"lain.bpmn": content})
    answer = signed_in("pemilik").get("/definitions/p/sop.pdf")
    assert answer.status_code == 400 and "lajur" in answer.text


def test_pages_lead_to_it(signed_in, pe, people, sop):
    version = queries.definition(pe, people["pemilik"], SOP)["id"]
    page = signed_in("pemilik").get(f"/definitions/{SOP}").text
    assert f"/definitions/{version}/sop.pdf" in page and f"/definitions/{version}/sop.docx" in page
    assert f"/definitions/{version}/sop.pdf" in signed_in("ketua").get("/start").text
