"""Any system over HTTP by templates, and webhooks after Standard Webhooks: the contract, and what is particular to them."""

import base64
import json

import fake_server
import pytest
from office_server import KEY, TOKEN
from publications import NOW

from connectors import Context, Denied, Failure, templates
from connectors.generic_http import KNOWN, NAMES, GenericHttp
from connectors.http import Refused
from connectors.testing import Contract, proxy
from connectors.webhook import Webhook, sign


@pytest.fixture(scope="module")
def server():
    with fake_server.running("office_server") as server:
        yield server


def settings(server, **changed):
    return {"url": f"{server}/notes", "headers": "Authorization: Bearer {{secret}}\nX-Kantor: {{number}}", "url_path": "data.links.0.href",
            "id_path": "data.id", "look_url": f"{server}/notes?key={{{{key}}}}", "update_url": f"{server}/notes/{{{{id}}}}",
            "delete_url": f"{server}/notes/{{{{id}}}}", **changed}


def generic(server, context, **changed):
    return GenericHttp(settings(server, **changed), {"secret": TOKEN}, context)


class TestGenericHttp(Contract):
    secrets = (TOKEN,)
    samples = 8

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return generic(url, context)


class TestWebhook(Contract):
    secrets = (KEY,)
    samples = 8

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return Webhook({"url": f"{url}/hook"}, {"secret": f"whsec_{KEY}"}, context)


@pytest.fixture
def context(server, tmp_path):
    return Context(tmp_path, "", frozenset({server.host}))


# Templates ------------------------------------------------------------------------------------------------------------

HOSTILE = 'x"}, {"admin": true\r\nSet-Cookie: a=b</title>&{{secret}}'


@pytest.mark.parametrize(("encode", "expected"), [
    (templates.in_json, '"' + HOSTILE.replace('"', '\\"').replace("\r\n", "\\r\\n") + '"'),
    (templates.in_url, '"x%22%7D%2C%20%7B%22admin%22%3A%20true%0D%0ASet-Cookie%3A%20a%3Db%3C%2Ftitle%3E%26%7B%7Bsecret%7D%7D"'),
    (templates.in_header, '"x"}, {"admin": true  Set-Cookie: a=b</title>&{{secret}}"'),
    (templates.in_markup, '"x&quot;}, {&quot;admin&quot;: true\r\nSet-Cookie: a=b&lt;/title&gt;&amp;{{secret}}"'),
])
def test_a_value_cannot_leave_its_place(encode, expected):
    assert templates.fill('"{{ title }}"', {"title": HOSTILE, "secret": "rahasia"}, encode) == expected


def test_a_template_does_nothing_but_fill_places():
    for template in ("{{title.__class__}}", "{{config}}", "{{ 7*7 }}{{a.b}}"):
        with pytest.raises(Failure, match="tidak dikenal"):
            templates.fill(template, {"title": "x"}, templates.as_it_is)
    assert templates.fill("{% if x %} {{7*7}} ${title}", {"title": "x"}, templates.as_it_is) == "{% if x %} {{7*7}} ${title}"


@pytest.mark.parametrize(("kind", "body", "is_whole"), [
    ("application/json", '{"t": "{{title}}"}', lambda sent: json.loads(sent) == {"t": HOSTILE}),
    ("application/xml", "<t>{{title}}</t>", lambda sent: sent.count("<") == 2),
    ("application/x-www-form-urlencoded", "t={{title}}&x=1", lambda sent: (sent.count("="), sent.count("&")) == (2, 1)),
])
def test_hostile_words_stay_words_in_every_body(context, ask, kind, body, is_whole):
    with proxy.faulty() as between:
        between.fault = proxy.status(200)
        generic(between.url, Context(context.folder, "", frozenset({between.host})), content_type=kind, body=body).publish(ask(title=HOSTILE))
        sent = between.raw[0].partition(b"\r\n\r\n")[2].decode()
    assert TOKEN not in sent and is_whole(sent)


@pytest.mark.parametrize(("changed", "said"), [
    ({"url": "http://{{title}}.example/"}, "server yang sama"), ({"delete_url": "http://lain.example/{{id}}"}, "server yang sama"),
    ({"body": '{"a": "{{title}}'}, "bukan JSON"), ({"headers": "Bukan header"}, "tidak sah"), ({"body": '"{{judul}}"'}, "tidak dikenal: judul"),
])
def test_settings_that_cannot_work_are_said_so(server, context, ask, changed, said):
    with pytest.raises(Failure, match=said):
        generic(server.url, context, **changed).check(NOW)


def test_what_the_server_says_back_tells_no_secret(server, context, ask):
    wrong = GenericHttp(settings(server.url), {"secret": "rahasia-salah-123"}, context)
    with pytest.raises(Denied) as denied:
        wrong.publish(ask())
    assert "rahasia-salah-123" not in str(denied.value)
    told = generic(server.url, context, url=f"{server.url}/{{{{secret}}}}/x", look_url="", method="PUT")
    with pytest.raises(Failure) as caught:
        told.publish(ask())
    assert TOKEN not in str(caught.value) and templates.in_url(TOKEN) not in str(caught.value)


def test_a_secret_goes_nowhere_without_tls(context, ask):
    with pytest.raises(Refused, match="https"):
        generic("http://kantor.example", context).publish(ask())


# Webhooks -------------------------------------------------------------------------------------------------------------

def test_it_signs_as_the_specifications_own_libraries_do():
    id, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    assert sign(base64.b64decode(KEY), id, at, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_changed_either_is_good(server, context, ask):
    new = base64.b64encode(b"n" * 32).decode()
    hook = Webhook({"url": f"{server.url}/hook"}, {"secret": new, "old_secret": KEY}, context)
    assert hook.publish(ask("ganti")).url.startswith("https://kantor.example/w/msg_")
    with pytest.raises(Denied):
        Webhook({"url": f"{server.url}/hook"}, {"secret": new}, context).publish(ask("ganti-2"))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_bukan base64!", "c2hvcnQ="])
def test_a_secret_that_is_none_is_refused_before_anything_is_sent(server, context, secret):
    with pytest.raises(Denied, match="24 sampai 64"):
        Webhook({"url": f"{server.url}/hook"}, {"secret": secret}, context).check(NOW)
    assert Webhook({"url": f"{server.url}/hook"}, {"secret": KEY}, context).check(NOW).params == {"url": f"{server.url}/hook"}


def test_the_help_names_every_place():
    assert set(templates._PLACE.findall(KNOWN)) == {*NAMES, "secret", "secret2"}
