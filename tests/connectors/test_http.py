import socket
import ssl
import threading
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import faulty_server as faults
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import Failure, Throttled, http

PRIVATE = """
    127.0.0.1 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200
    168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 2001::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1
    ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:a9fe:a9fe::1 100::1 nonsense
""".split()  # noqa: SIM905
PUBLIC = ["8.8.8.8", "103.28.12.1", "172.32.0.1", "2001:4860:4860::8888", "2404:6800:4003::5e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_is_not_public(address):
    assert not http.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address):
    assert http.is_public(address)


HOSTILE = [
    "http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://127.1/", "http://0177.0.0.1/", "http://0x7f.0.0.1/",
    "http://2130706433/", "http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::]/",
    "http://[fe80::1%25lo]/", "http://169.254.169.254/latest/meta-data/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/",
    "http://user:pass@example.org/", "http://example.org@127.0.0.1/", "http://user@example.org/", "http://@127.0.0.1/",
    "http://127.0.0.1\\@example.org/", "http://example.org\\.127.0.0.1/", "http://127.0.0.1#@example.org/",
    "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:alert(1)", "data:text/html,x", "//example.org/",
    "example.org", "", "http://", "http:///path", "http://:80/", "http://exa mple.org/", "http://example.org:0/", "http://example.org:99999/",
    "http://example.org:x/", "http://example.org\n.evil/", "http://example.org\r\nHost: evil/", "http://\x00/", "http://[::1/", "unix:///run/x",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_before_anything_is_sent(url, method, monkeypatch):
    monkeypatch.setattr(http, "create_connection", lambda *_: pytest.fail("it connected"))
    with pytest.raises(http.Refused) as refused:
        http.request(method, url)
    assert refused.value.kind == "permanent"
    assert "user" not in str(refused.value)


def test_a_name_with_one_address_inside_is_refused(monkeypatch):
    answer_with(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(http.Refused):
        http.get("http://rebinding.example/")


def test_what_was_checked_is_what_is_connected_to(monkeypatch):
    """A name server that answers otherwise the second time changes nothing: there is no second look-up."""
    asked, connected = [], []

    def resolve(host, port, **_):
        asked.append(host)
        return [(0, 0, 0, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", port))]

    def connect(address, *_):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(http, "create_connection", connect)
    with pytest.raises(http.NotSent):
        http.get("http://rebinding.example/")
    assert (asked, connected) == (["rebinding.example"], [("8.8.8.8", 80)])


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch):
    with faults.faulty() as server:
        port = int(server.host.split(":")[1])
        answer_with(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert http.get(f"http://kantor.example:{port}/", allowed_private_hosts=frozenset({f"kantor.example:{port}"})).ok


def answer_with(monkeypatch, *addresses):
    """Every name has these addresses; an address has itself."""
    real = socket.getaddrinfo

    def resolve(host, *rest, **named):
        return [info for a in addresses for info in real(host if host in addresses else a, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_only_the_allowed_port_of_an_allowed_host_may_be_called(server):
    assert http.get(server.url, allowed_private_hosts=frozenset({server.host})).text() == "ok"
    with pytest.raises(http.Refused):
        http.get(server.url, allowed_private_hosts=frozenset({"127.0.0.1:1"}))


def test_the_environment_sets_no_proxy(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert call(server).ok


INWARDS = ["http://169.254.169.254/", "http://localhost:1/", "file:///etc/passwd", "//10.0.0.1/", "http://u:p@127.0.0.1/", "http://["]


@pytest.mark.parametrize("to", INWARDS)
def test_a_redirect_is_checked_as_the_first_address_was(server, to):
    server.fault = faults.redirect(to)
    with pytest.raises(http.Refused):
        call(server)
    assert len(server.seen) == 1


def test_redirects_are_followed_and_bounded(server):
    server.fault, server.when = faults.redirect("/there"), lambda method, path: path == "/"
    assert call(server).url == f"{server.url}/there"
    server.fault, server.when = faults.redirect("/again"), lambda method, path: True
    with pytest.raises(Failure, match="terlalu banyak dialihkan"):
        call(server)


@pytest.mark.parametrize("body", [faults.endless, faults.gzip_bomb])
def test_a_redirect_with_a_body_without_end_is_bounded_as_any(server, body):
    def both(exchange):
        exchange.connection = Saying(exchange.connection, b" 302 X\r\nLocation: /there\r\n", b" 200 X\r\n")
        body(exchange)

    server.fault = both
    tracemalloc.start()
    with pytest.raises(Failure, match="terlalu besar"):
        call(server, max_bytes=2**20)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


class Saying:
    """A connection on which `said` is sent where `meant` was."""

    def __init__(self, connection, said, meant):
        self.connection, self.said, self.meant = connection, said, meant

    def sendall(self, data):
        self.connection.sendall(data.replace(self.meant, self.said, 1))


def test_a_password_does_not_follow_to_another_origin(server):
    with faults.faulty() as other:
        server.fault = faults.redirect(other.url)
        allowed = frozenset({server.host, other.host})
        http.get(server.url, auth=("a", "rahasia"), allowed_private_hosts=allowed)
        http.get(server.url, headers={"Authorization": "Bearer x", "X-Api-Key": "y"}, allowed_private_hosts=allowed)
        assert all(b"Authorization" in raw for raw in server.raw)
        assert not any(b"Authorization" in raw or b"X-Api-Key" in raw for raw in other.raw)


def test_a_redirected_post_is_not_followed(server):
    server.fault = faults.redirect("/there", 307)
    with pytest.raises(Failure, match="dialihkan") as failure:
        call(server, "POST", data=b"x")
    assert failure.value.kind == "permanent"


@pytest.mark.parametrize(
    ("fault", "of_get", "of_post"),
    [
        (faults.silent, "temporary", "unknown"),
        (faults.reset, "temporary", "unknown"),
        (faults.truncated, "temporary", "unknown"),
        (faults.not_http, "temporary", "unknown"),
        (faults.dripping_headers, "temporary", "unknown"),
        (faults.dripping_body, "temporary", "unknown"),
        (faults.endless, "permanent", "unknown"),
        (faults.gzip_bomb, "permanent", "unknown"),
    ],
)
def test_a_broken_answer_to_a_post_leaves_the_outcome_unknown(server, fault, of_get, of_post):
    server.fault = fault
    for method, kind in (("GET", of_get), ("POST", of_post)):
        start = time.monotonic()
        with pytest.raises(Failure) as failure:
            call(server, method, read_timeout=0.5, deadline=1, max_bytes=2**20)
        assert failure.value.kind == kind
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_not_sent_is_temporary(method):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://there-is-none.invalid/"):
        with pytest.raises(http.NotSent) as failure:
            http.request(method, url, allowed_private_hosts=frozenset({f"127.0.0.1:{port}"}))
        assert failure.value.kind == "temporary"


def test_a_gzip_bomb_takes_no_memory(server):
    server.fault = faults.gzip_bomb
    tracemalloc.start()
    with pytest.raises(Failure):
        call(server, max_bytes=2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_name_server_that_hangs_is_left_at_the_deadline(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    start = time.monotonic()
    with pytest.raises(http.NotSent):
        http.get("http://slow.example/", deadline=0.2)
    assert time.monotonic() - start < 1.8


def test_a_large_body_may_take_longer_to_send_than_to_connect():
    def read_slowly(listener):
        connection, _ = listener.accept()
        with connection:
            time.sleep(0.4)
            taken = b""
            while len(taken.partition(b"\r\n\r\n")[2]) < len(body):
                taken += connection.recv(2**21)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=read_slowly, args=(listener,), daemon=True).start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        body = memoryview(bytes(8 * 2**20))[1:]  # a part of a file, which is not copied
        assert http.request("PUT", f"http://{host}/", data=body, connect_timeout=0.2, allowed_private_hosts=frozenset({host})).status == 201


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("99999999999999999999", 86_400), ("", None), ("-5", None), ("soon", None), ("nan", None), ("٣", None),
     pytest.param("in an hour", 3600, id="in an hour"),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
     ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None)],
)  # fmt: skip
def test_retry_after_is_read_in_both_its_forms(value, seconds):
    if value == "in an hour":
        value = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = http.retry_after(http.Response(429, {"Retry-After": value}, b"", ""))
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=300))


@pytest.mark.parametrize(
    ("status", "kind"),
    [*[(code, "permanent") for code in (300, 400, 404, 410, 413)], *[(code, "temporary") for code in (408, 425, 429, 500, 502, 503, 504)]],
)
def test_a_status_says_whether_trying_again_may_help(status, kind):
    assert http.failure(http.Response(status, {"Retry-After": "9"}, b"", "http://x/?key=secret")).kind == kind


def test_a_failure_says_nothing_of_the_query(server):
    server.fault = faults.reset
    with pytest.raises(Failure) as failure:
        http.get(f"{server.url}/?token=rahasia", allowed_private_hosts=frozenset({server.host}))
    assert "rahasia" not in str(failure.value)


def test_text_is_read_by_the_charset_that_the_header_names(server):
    for charset, body in (("; charset=iso-8859-1", "é".encode("latin-1")), ("", "é".encode()), ("; charset=x", "é".encode())):
        server.fault = faults.status(200, f"Content-Type: text/html{charset}", body=body)
        assert call(server).text() == "é"


MARKS = "http https ftp :// : / // @ # ? [ ] . .. % %00 %25 \\ 127.0.0.1 ::1 0x7f localhost a.example 。 xn-- 80 \t".split(" ")  # noqa: SIM905
URLS = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=3)), max_size=10).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=st.one_of(URLS, URLS.map("http://{}".format)))
def test_whatever_is_typed_as_an_address_is_a_failure_at_worst(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", ("10.0.0.1", port))])
    monkeypatch.setattr(http, "create_connection", lambda *_: pytest.fail("it connected"))
    with pytest.raises(http.Refused):
        http.get(url)


PIECES = [
    b"HTTP/1.1 ", b"200 ", b"302 ", b"204 ", b"\r\n", b"\r\n\r\n", b"Location: ", b"http://", b"Content-Length: ", b"-1", b"99",
    b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Content-Encoding: br", b"\x1f\x8b", b"5\r\nhello\r\n", b"fffffffff\r\n",
    b"Content-Type: text/html; charset=\xff",
]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=12).map(b"".join),
    method=st.sampled_from(["GET", "POST"]),
)
def test_whatever_is_answered_is_a_response_or_a_failure(server, answer, method):
    server.fault = lambda exchange: exchange.connection.sendall(answer)
    try:
        response = call(server, method, deadline=2)
        response.text(), response.json(), http.failure(response)
    except Failure as failure:
        assert method == "GET" or failure.kind == "unknown" or "dialihkan" in str(failure)


def test_over_tls_the_name_is_asked_for_and_the_certificate_must_fit(monkeypatch, tmp_path):
    """Though it is the address that is connected to: SNI, Host and the certificate's name stay the name's."""
    asked, wrap = tls_for("kantor.example", tmp_path)
    answer_with(monkeypatch, "127.0.0.1")
    with faults.faulty(wrap=wrap) as server:
        port = server.host.split(":")[1]
        allowed = frozenset({f"kantor.example:{port}", f"lain.example:{port}"})
        with pytest.raises(Failure, match="Sertifikat") as failure:
            http.post(f"https://kantor.example:{port}/", allowed_private_hosts=allowed)
        assert failure.value.kind == "permanent"
        monkeypatch.setattr(http, "VERIFY", str(tmp_path / "cert.pem"))
        assert http.get(f"https://kantor.example:{port}/", allowed_private_hosts=allowed).ok
        assert (asked[-1], f"Host: kantor.example:{port}".encode() in server.raw[-1]) == ("kantor.example", True)
        with pytest.raises(Failure, match="Sertifikat"):
            http.get(f"https://lain.example:{port}/", allowed_private_hosts=allowed)


def tls_for(name, folder):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(cert.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    asked = []
    server.sni_callback = lambda sock, sni, context: asked.append(sni)
    return asked, lambda sock: server.wrap_socket(sock, server_side=True)


@pytest.fixture
def server():
    with faults.faulty() as server:
        yield server


def call(server, method="GET", **options):
    return http.request(method, server.url + "/", allowed_private_hosts=frozenset({server.host}), **options)


def test_with_stay_no_redirect_leaves_the_origin():
    with faults.faulty() as here, faults.faulty() as there:
        here.fault, here.when = faults.redirect(f"{there.url}/b"), lambda method, path: path == "/a"
        both = frozenset({here.host, there.host})
        with pytest.raises(http.Refused, match="server lain"):
            http.get(f"{here.url}/a", allowed_private_hosts=both, stay=True)
        assert there.seen == []
        here.fault = faults.redirect("/c")
        assert http.get(f"{here.url}/a", allowed_private_hosts=both, stay=True).url == f"{here.url}/c"
        here.fault = faults.redirect(f"{there.url}/b")
        assert http.get(f"{here.url}/a", allowed_private_hosts=both).url == f"{there.url}/b"


@pytest.mark.parametrize(("status", "kind"), [(500, "unknown"), (502, "unknown"), (503, "temporary"), (504, "unknown"), (429, "temporary"), (422, "permanent")])
def test_what_an_answer_means_for_a_call_that_creates(status, kind):
    answer = http.Response(status, {}, b"", "https://a.example/")
    assert http.failure(answer, creates=True).kind == kind


def test_a_429_that_says_how_long_is_throttled():
    def told(headers):
        return http.failure(http.Response(429, http.CaseInsensitiveDict(headers), b"", "https://a.example/"))

    soon = (http.datetime.now(http.UTC) + http.timedelta(seconds=90)).isoformat()
    assert told({"Retry-After": "7"}).retry_after == 7
    assert 60 < told({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}).retry_after <= 90
    assert not isinstance(told({}), Throttled) and isinstance(told({"Retry-After": "7"}), Throttled)
    assert told({"Retry-After": "99999999"}).retry_after == http.RETRY_AFTER_MOST
