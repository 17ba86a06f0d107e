"""A model as a ZIP: out and in again the same, and nothing that a hostile one holds gets in."""

import io
import stat
import zipfile

import pytest

from bpmn import blank, check, package
from bpmn.errors import Invalid

FORM = b'{"components": []}'


def zipped(*entries, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content, **options)
    return out.getvalue()


def test_out_and_in_again_a_model_is_the_same_and_the_same_bytes():
    files = {"a.bpmn": blank.diagram("a", "A", [("pelaksana", "Pelaksana")]), "b.form": FORM, "té 1.dmn": blank.decision("t", "T")}
    assert package.unpack(package.pack(files)).files == files
    assert package.pack(files) == package.pack(dict(reversed(files.items())))


def test_a_zip_of_a_folder_is_read_and_what_is_no_file_of_a_model_is_named():
    content = zipped(("cuti/", b""), ("cuti/a.bpmn", b"<x/>"), ("cuti/README.md", b"x"), ("__MACOSX/cuti/._a.bpmn", b"x"), ("cuti/.DS_Store", b"x"))
    assert package.unpack(content) == ({"a.bpmn": b"<x/>"}, ["README.md"])


@pytest.mark.parametrize("name", ["../a.form", "/a.form", "x/../../a.form", "..\\a.form", "C:a.form", "a/b/c.form", "<b>.form", "a\x01.form"])
def test_paths_that_lead_elsewhere_are_refused(name):
    with pytest.raises(Invalid):
        package.unpack(zipped(("b.form", FORM), (name, FORM)))


@pytest.mark.parametrize("names", [("a.form", "a.form"), ("a.form", "A.form")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(names):
    with pytest.raises(Invalid):
        package.unpack(zipped(*((name, FORM) for name in names)))


def test_a_symbolic_link_is_refused():
    link = zipfile.ZipInfo("a.form")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(Invalid):
        package.unpack(zipped((link, b"/etc/passwd")))


def test_a_bomb_is_refused_before_it_is_unpacked():
    one = zipped(("a.form", b" " * (package.MOST_BYTES * 4)))
    assert len(one) < 200_000
    with pytest.raises(Invalid):
        package.unpack(one)
    many = zipped(*((f"f{n}.form", b" " * (4 << 20)) for n in range(8)))
    with pytest.raises(Invalid):
        package.unpack(many)


def test_a_header_that_lies_about_the_size_is_not_believed():
    content = bytearray(zipped(("a.form", b" " * (6 << 20))))
    size = (6 << 20).to_bytes(4, "little")
    assert content.count(size) == 2
    with pytest.raises(Invalid):
        package.unpack(bytes(content.replace(size, (10).to_bytes(4, "little"))))


def test_too_many_files_are_refused():
    with pytest.raises(Invalid):
        package.unpack(zipped(*((f"f{n}.form", FORM) for n in range(package.MOST_FILES + 1))))


def test_an_encrypted_zip_is_refused():
    content = bytearray(zipped(("a.form", FORM)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    with pytest.raises(Invalid):
        package.unpack(bytes(content))


@pytest.mark.parametrize("content", [b"", b"PK", b"bukan zip", b"PK\x05\x06" + b"\0" * 18 + b"x", zipped(("a.form", FORM))[:-30]],
                         ids=["nothing", "two letters", "words", "a false end", "cut off"])
def test_what_is_no_zip_is_refused(content):
    try:
        assert package.unpack(content).files == {}
    except Invalid:
        pass


def test_every_bit_flipped_is_read_or_refused():
    whole = zipped(("a.form", FORM), ("b.form", FORM))
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        try:
            package.unpack(bytes(broken))
        except Invalid:
            pass


def test_what_new_files_begin_as_has_nothing_wrong():
    lanes = [("pelaksana", "Pelaksana"), ("sub-bagian", 'Sub "Bagian" & <lain>')]
    files = {"a.bpmn": blank.diagram("a", "A & <B>", lanes), "b.form": blank.form("b"), "c.dmn": blank.decision("c", "C")}
    for name, content in files.items():
        assert package.check_content(package.check_name(name), content) == content
    assert [f for f in check.check(files) if f.severity == "error"] == []
