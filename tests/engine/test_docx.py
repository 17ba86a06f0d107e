"""A DOCX's words: read from an honest file, and nothing else from a hostile one."""

import zipfile

import pytest

from bpmn.errors import Invalid
from engine import docx

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def package(folder, body, name="word/document.xml"):
    path = folder / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, body)
    return path


def test_paragraphs_and_tables_are_read_in_order(tmp_path):
    body = f"""<w:document {W}><w:body><w:p><w:r><w:t>Nota </w:t></w:r><w:r><w:t>Dinas</w:t></w:r></w:p><w:p/>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>A</w:t><w:tab/><w:t>B</w:t><w:br/><w:t>&lt;b&gt;</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        </w:body></w:document>"""
    assert docx.paragraphs(package(tmp_path, body)) == ["Nota Dinas", "A\tB\n<b>"]


@pytest.mark.parametrize("body", [b"<x", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", b" " * (6 << 20)],
                         ids=["broken", "entity", "bomb"])
def test_a_hostile_file_is_refused(tmp_path, body):
    with pytest.raises(Invalid):
        docx.paragraphs(package(tmp_path, body))


def test_what_is_no_docx_is_refused(tmp_path):
    with pytest.raises(Invalid):
        docx.paragraphs(package(tmp_path, b"<a/>", "other.xml"))
    (tmp_path / "b.docx").write_bytes(b"PK\x03\x04")
    with pytest.raises(Invalid):
        docx.paragraphs(tmp_path / "b.docx")
