"""What is written down of a call: all that helps to understand it, and no secret in any way of writing."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import faulty_server as faults
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Failure, http, masking, watching

PASSWORD = "qZ h+s/1a ké&\"y=9"  # as awkward as an application password and more
ECHOES = {
    "plain": lambda s: s, "no blanks": lambda s: "".join(s.split()), "percent": lambda s: quote(s, safe=""), "plus": quote_plus,
    "json": lambda s: json.dumps(s)[1:-1], "entities": html.escape, "hex": lambda s: s.encode().hex(), "upper": lambda s: s.upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(), "url-safe": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "basic": lambda s: base64.b64encode(f"webadmin:{s}".encode()).decode(), "within": lambda s: base64.b64encode(f"{{a:{s}}}".encode()).decode(),
    "every character as an entity": lambda s: "".join(f"&#{ord(c)};" for c in s), "apart": lambda s: "-".join(s),
}


class Kept:
    """Whoever looks on, keeping all."""

    def __init__(self):
        self.requests, self.answers = [], []

    def sending(self, number, request):
        assert number == len(self.requests) + 1 and len(self.answers) == number - 1  # before it is sent
        self.requests.append(request)

    def answered(self, number, answer):
        self.answers.append(answer)

    @property
    def all(self):
        return json.dumps([self.requests, self.answers], ensure_ascii=False)


@pytest.mark.parametrize("way", ECHOES)
def test_a_secret_is_hidden_in_every_way_of_writing(way):
    clean = masking.Mask([PASSWORD]).text(f"Kata sandi {ECHOES[way](PASSWORD)} ditolak.")
    letters = "".join(c for c in clean.lower() if c.isalnum())
    assert "qzhs" not in letters and masking.HIDDEN in clean
    assert ECHOES[way](PASSWORD) not in clean


SECRETS = st.text(st.characters(codec="ascii"), min_size=8, max_size=40).filter(lambda s: sum(map(str.isalnum, s)) >= 6)


@given(SECRETS, st.text(max_size=60), st.sampled_from(sorted(ECHOES)))
def test_any_secret_is_hidden_wherever_it_stands(secret, around, way):
    written = ECHOES[way](secret)
    clean = masking.Mask([secret]).text(f"{around}{written}{around}", most=50)
    assert written not in clean.replace(masking.HIDDEN, "") or written in masking.NOTHING_SHOWN
    assert len(clean) <= 51 or clean == masking.NOTHING_SHOWN


@pytest.mark.parametrize("at", range(80, 101))
def test_a_secret_that_the_end_cuts_in_two_leaves_no_half(at):
    clean = masking.Mask(["rahasia-sekali"]).text("x" * at + "rahasia-sekali" + "y" * 5000, most=100)
    assert "rah" not in clean and len(clean) <= 101


def test_what_helps_to_understand_a_call_is_kept_and_no_credential(monkeypatch):
    """The server gives back all that it was sent: in its headers and its body, and a token of its own."""
    def echo(exchange):
        basic = base64.b64encode(f"webadmin:{PASSWORD}".encode()).decode()
        body = json.dumps({"said": exchange.raw.decode("latin-1"), "password": PASSWORD, "message": f"Sandi {PASSWORD} salah", "id": 7,
                           "access_token": "baru-dibuat-42", "author": "Ani"})
        exchange.answer(200, body.encode(), "Content-Type: application/json", f"X-Debug: {quote(PASSWORD)}", f"Server: a/{basic}",
                        "Set-Cookie: sesi=abcdefgh", "X-RateLimit-Limit: 300", "X-RateLimit-Remaining: 12", "X-RateLimit-Reset: 60")

    kept = Kept()
    with faults.faulty() as server, watching.watching(kept) as watch:
        server.fault = echo
        masking.hide([PASSWORD])
        http.post(f"{server.url}/bot{quote(PASSWORD, safe='')}/kirim?api_key={quote(PASSWORD)}&nomor=12", auth=("webadmin", PASSWORD),
                  json={"judul": "Pleno", "client_secret": PASSWORD, "isi": f"lihat {PASSWORD}"},
                  headers={"X-Kunci": PASSWORD}, allowed_private_hosts=frozenset({server.host}))
        http.get(f"{server.url}/lagi", headers={"Authorization": "Bearer baru-dibuat-42"}, allowed_private_hosts=frozenset({server.host}))
    for written in [echo(PASSWORD) for name, echo in ECHOES.items() if name != "upper"] + ["baru-dibuat-42", "abcdefgh"]:
        assert written not in kept.all
    sent, answer = kept.requests[0], kept.answers[0]
    assert sent["method"] == "POST" and sent["url"] == f"{server.url}/bot•••/kirim?api_key=•••&nomor=12"
    assert json.loads(sent["body"]["text"]) == {"judul": "Pleno", "client_secret": "•••", "isi": "lihat •••"}
    assert sent["headers"]["Authorization"] == sent["headers"]["X-Kunci"] == "•••" and sent["headers"]["User-Agent"] == "Terbit"
    assert answer["status"] == 200 and answer["headers"]["Set-Cookie"] == "•••" and answer["headers"]["X-RateLimit-Remaining"] == "12"
    assert watch.quotas["Panggilan API"].limit == 300 and watch.quotas["Panggilan API"].remaining == 12


def test_a_call_that_breaks_is_told_with_its_kind_and_what_was_sent():
    kept = Kept()
    with faults.faulty() as server, watching.watching(kept):
        server.fault = faults.reset
        masking.hide([PASSWORD])
        with pytest.raises(Failure):
            http.post(f"{server.url}/a", data=f"pesan={quote(PASSWORD)}", headers={"Content-Type": "application/x-www-form-urlencoded"},
                      allowed_private_hosts=frozenset({server.host}))
        with pytest.raises(Failure):
            http.get("http://10.0.0.1/")
        with pytest.raises(http.Refused):
            http.get(f"https://webadmin:{PASSWORD}@kantor.example/")  # is not even looked at
    assert [answer["kind"] for answer in kept.answers] == ["unknown", "permanent"]
    assert kept.requests[0]["body"]["text"] == "pesan=•••" and "qZ" not in kept.all


def test_files_are_told_by_name_type_and_size_and_long_texts_are_cut():
    kept = Kept()
    with faults.faulty() as server, watching.watching(kept):
        masking.hide([PASSWORD])
        server.fault = faults.status(200, "Content-Type: image/png", body=b"\x89PNG\0" * 99)
        here = frozenset({server.host})
        http.post(server.url, files={"gambar": ("foto.png", b"\x89PNG\0" * 1000, "image/png")}, data={"teks": f"Pleno {PASSWORD}", "token": "a"},
                  allowed_private_hosts=here)
        http.post(server.url, data=b"\0\1" * 500, headers={"Content-Type": "application/pdf"}, allowed_private_hosts=here)
        http.post(server.url, data="kata " * 9000, headers={"Content-Type": "text/plain"}, allowed_private_hosts=here)
    form, pdf, text = (request["body"] for request in kept.requests)
    assert form["text"].splitlines() == ["teks=Pleno •••", "token=•••", "gambar: foto.png (image/png, 5000 B)"]
    assert pdf == {"type": "application/pdf", "size": 1000, "text": None} and kept.answers[0]["body"]["size"] == 495
    assert text["size"] == 45_000 and len(text["text"]) == masking.MOST + 1 and text["text"].endswith("…")


def test_a_failure_never_holds_a_secret_that_was_told():
    with masking.hiding():
        masking.hide([PASSWORD])
        failure = Failure("Server menjawab %(said)s.", "temporary", said=f"sandi {PASSWORD}", status=503)
    assert str(failure) == "Server menjawab sandi •••." and failure.params == {"said": "sandi •••", "status": 503}


def test_all_calls_together_have_an_end():
    with faults.faulty() as server, watching.watching(seconds=0.3):
        server.fault = faults.silent
        with pytest.raises(Failure) as failure:
            http.get(server.url, allowed_private_hosts=frozenset({server.host}))
        assert failure.value.kind == "temporary"
        with pytest.raises(Failure):
            http.get(server.url, allowed_private_hosts=frozenset({server.host}))
    assert len(server.seen) == 1


@pytest.mark.parametrize("headers, told", [
    ({"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-24T12:00:00.000Z"}, (300, 0)),  # Mastodon
    ({"x-rate-limit-limit": "50", "x-rate-limit-remaining": "49", "x-rate-limit-reset": "1795521600"}, (50, 49)),  # X
    ({"RateLimit": "limit=100, remaining=50, reset=5"}, (100, 50)), ({"RateLimit": '"default";r=50;t=30'}, (None, 50)),
    ({"X-RateLimit-Remaining": "banyak", "X-RateLimit-Reset": "∞"}, None), ({"X-RateLimit-Reset": "99e999"}, None), ({}, None),
])
def test_rate_limits_are_read_as_platforms_write_them(headers, told):
    found = http.quotas(http.Response(200, headers, b"", ""))
    assert [(quota.limit, quota.remaining) for quota in found] == ([told] if told else [])


def test_too_many_requests_means_that_nothing_is_left():
    (quota,) = http.quotas(http.Response(429, {"Retry-After": "60"}, b"", ""))
    assert quota.remaining == 0 and quota.resets_at is not None


def test_who_looks_on_from_further_out_sees_the_same():
    kept = Kept()
    with faults.faulty() as server, watching.watching(kept) as outer:
        server.fault = faults.status(200, "X-RateLimit-Remaining: 3")
        with watching.watching() as inner:
            masking.hide([PASSWORD])
            http.get(f"{server.url}/{quote(PASSWORD)}", allowed_private_hosts=frozenset({server.host}))
        http.get(f"{server.url}/{quote(PASSWORD)}", allowed_private_hosts=frozenset({server.host}))
    assert [request["url"] for request in kept.requests] == [f"{server.url}/•••"] * 2
    assert inner.quotas == outer.quotas and inner.quotas["Panggilan API"].remaining == 3
