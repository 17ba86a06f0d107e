"""A page that a person names is opened, and holds the title."""

import pytest

from bpmn.errors import Invalid
from engine import links
from tests.engine.web_page import serve

TITLE = "Pengumuman “Rapat Pleno” & Penetapan"


@pytest.fixture
def site(pe):
    with serve() as site:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [site.host]
        yield site


def test_a_page_with_the_title_is_accepted(pe, site):
    url = site.page("/a", '<html><title>x</title><h1>Pengumuman "Rapat\n Pleno" &amp; Penetapan</h1>')
    assert links.check(pe, url, TITLE) is None


def test_a_redirect_is_followed(pe, site):
    site.page("/b", f"<h1>{TITLE}</h1>")
    assert links.check(pe, site.page("/a", "", 302, Location="/b"), TITLE) is None


def invalid(pe, url, **options):
    with pytest.raises(Invalid) as caught:
        links.check(pe, url, TITLE, **options)
    return caught.value


def test_another_page_is_refused_on_its_field(pe, site):
    error = invalid(pe, site.page("/a", "<h1>Berita lain</h1><script>Pengumuman Rapat Pleno & Penetapan</script>"))
    assert "tidak ada di situ" in str(error) and error.where == {"field": "tautan"}
    assert invalid(pe, site.url + "/a", field="url").where == {"field": "url"}


@pytest.mark.parametrize("status", [401, 404, 410, 500, 503])
def test_a_page_that_does_not_open_is_refused(pe, site, status):
    assert str(status) in str(invalid(pe, site.page("/a", f"<h1>{TITLE}</h1>", status)))


@pytest.mark.parametrize("url", [
    "", "x", "javascript:alert(1)", "file:///etc/passwd", "ftp://a.example/", "http://", "http://a b/", "http://user:pw@a.example/",
    "http://tidak-ada.invalid/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]/", "http://0x7f000001/",
    "http://localhost:1/", "gopher://127.0.0.1/",
])
def test_an_address_that_is_none_or_lies_inside_is_refused(pe, url):
    assert invalid(pe, url).where == {"field": "tautan"}


def test_a_site_inside_is_not_even_asked(pe, site):
    pe.config["ALLOWED_PRIVATE_HOSTS"] = []
    invalid(pe, site.page("/a", f"<h1>{TITLE}</h1>"))
    assert site.requests == []


def test_a_redirect_to_the_inside_is_refused(pe, site):
    invalid(pe, site.page("/a", "", 302, Location="http://127.0.0.1:1/"))
