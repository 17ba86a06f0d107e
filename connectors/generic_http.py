"""Any system with an HTTP interface: method, address, headers and body are templates (`connectors.templates`), and the answer tells
where it stands. For office systems that have no connector of their own.

Whether the other side knows a key again, the admin says. Where it does, a call without an answer is made again; where it does not,
it is never: it is looked for at `look_url`, if there is one, and else a person is asked.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors import (
    N_,
    Ability,
    Context,
    Denied,
    Failure,
    Field,
    Health,
    NotByMachine,
    Request,
    Result,
    Throttled,
    content,
    http,
    repeatable,
    rules,
    templates,
)

ENCODERS = {"application/json": templates.in_json, "application/x-www-form-urlencoded": templates.in_url,
            "application/xml": templates.in_markup, "text/html": templates.in_markup, "text/plain": templates.as_it_is}
BODY = '{"key": "{{key}}", "title": "{{title}}", "html": "{{html}}"}'
NAMES = ("title", "summary", "text", "markdown", "html", "kind", "key", "number", "link", "now", "id")
KNOWN = N_("Nama yang dikenal: {{title}} {{summary}} {{text}} {{markdown}} {{html}} {{kind}} {{key}} {{number}} {{link}} {{now}} {{id}} "
           "{{secret}} {{secret2}}")


class GenericHttp:
    name = "http"
    title = N_("HTTP umum (pola)")
    can: frozenset[Ability] = frozenset({"text", "link"})
    fields: tuple[Field, ...] = (
        Field("url", N_("Alamat"), "url", True, N_("Boleh memuat {{key}} dan lainnya sesudah nama servernya.")),
        Field("method", N_("Metode"), "select", options=(("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"))),
        Field("headers", N_("Header"), "lines", help=N_("Satu baris satu header, misalnya Authorization: Bearer {{secret}}")),
        Field("content_type", N_("Bentuk isi"), "select", options=tuple((kind, kind) for kind in ENCODERS)),
        Field("body", N_("Isi"), "lines", help=KNOWN),
        Field("expected", N_("Status berhasil"), help=N_("Misalnya 200, 201. Kosong: semua 2xx.")),
        Field("url_path", N_("Alamat tulisan dalam jawaban"), help=N_("Misalnya data.url, items.0.link, atau header:Location.")),
        Field("id_path", N_("Nomor tulisan dalam jawaban"), help=N_("Misalnya data.id. Kosong: kuncinya sendiri.")),
        Field("knows_key", N_("Server mengenali kunci yang sama, dan tidak memuatnya dua kali"), "boolean"),
        Field("look_url", N_("Alamat untuk melihat apakah sudah terbit"), "url", help=N_("Dipanggil dengan GET; 404 berarti belum ada.")),
        Field("update_url", N_("Alamat untuk mengubah"), "url", help=N_("Dipanggil dengan PUT dan isi yang sama; boleh memuat {{id}}.")),
        Field("delete_url", N_("Alamat untuk menurunkan"), "url", help=N_("Dipanggil dengan DELETE; boleh memuat {{id}}.")),
        Field("check_url", N_("Alamat untuk menguji"), "url", help=N_("Dipanggil dengan GET dan header yang sama.")),
        Field("secret", N_("Rahasia {{secret}}"), "secret"),
        Field("secret2", N_("Rahasia {{secret2}}"), "secret"),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.config = {name: value.strip() if isinstance(value, str) else value for name, value in config.items()}
        self.secrets = {name: secrets.get(name) or "" for name in ("secret", "secret2")}
        self.allowed = context.allowed_private_hosts
        by_setting: dict[str, Ability] = {"look_url": "find", "update_url": "edit", "delete_url": "delete"}
        self.can = GenericHttp.can | {ability for setting, ability in by_setting.items() if self.config.get(setting)}

    def publish(self, request: Request) -> Result:
        """One call that is taken, per key."""
        call = self._call(self._get("url"), self._get("method") or "POST", _values(request), with_body=True)
        if self.config.get("knows_key"):
            return self._result(request, repeatable(call))
        answer = request.progress.once("sent", lambda: _kept(call()))
        return self._result(request, answer)

    def find(self, request: Request) -> Result | None:
        if not self._get("look_url"):
            return None
        try:
            return self._result(request, _kept(self._call(self._get("look_url"), "GET", _values(request))()))
        except Failure as failure:
            if failure.params.get("status") in (404, 410):
                return None
            raise

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        values = _values(request) | {"id": platform_id}
        repeatable(self._call(self._offered("update_url"), "PUT", values, with_body=True))
        return Result(url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        try:
            repeatable(self._call(self._offered("delete_url"), "DELETE", dict.fromkeys(NAMES, "") | {"id": platform_id, "key": key}))
        except Failure as failure:
            if failure.params.get("status") not in (404, 410):
                raise

    def check(self, now: datetime) -> Health:
        """The templates can be filled; and where there is an address to try, it answers."""
        values = _values(Request("uji", "Uji", "", "", "berita", now)) | {"id": "uji"}
        for setting in ("url", "look_url", "update_url", "delete_url"):
            if self._get(setting):
                self._filled(self._get(setting), values, with_body=setting in ("url", "update_url"))
        if not self._get("check_url"):
            return Health(N_("Pola dapat diisi; tidak ada alamat untuk menguji."))
        self._call(self._get("check_url"), "GET", values)()
        return Health(N_("Server menjawab."))

    # Within -----------------------------------------------------------------------------------------------------------

    def _get(self, name: str) -> str:
        return str(self.config.get(name) or "")

    def _offered(self, name: str) -> str:
        if not self._get(name):
            raise NotByMachine(N_("Kanal ini tidak dapat diubah oleh mesin."))
        return self._get(name)

    def _filled(self, url: str, values: Mapping[str, str], with_body: bool) -> tuple[str, dict[str, str], bytes | None]:
        """(address, headers, body). Raises Failure (permanent) where a template is none."""
        if "{{" in urlsplit(url).netloc or urlsplit(url).netloc != urlsplit(self._get("url")).netloc:
            raise Failure(N_("Semua alamat harus di server yang sama dengan alamat utama, tanpa pola dalam namanya."))
        all_values = {**values, **self.secrets}
        headers = {}
        for line in filter(str.strip, self._get("headers").splitlines()):
            name, colon, value = line.partition(":")
            if not colon or not name.strip().replace("-", "").isalnum():
                raise Failure(N_("Header %(line)s tidak sah."), line=line[:40].split(":")[0])
            headers[name.strip()] = templates.fill(value.strip(), all_values, templates.in_header)
        body = None
        if with_body:
            kind = self._get("content_type") or "application/json"
            text = templates.fill(self._get("body") or BODY, all_values, ENCODERS[kind])
            if kind == "application/json" and not _is_json(text):
                raise Failure(N_("Isi sesudah diisi bukan JSON yang sah."))
            headers["Content-Type"], body = f"{kind}; charset=utf-8", text.encode()
        return templates.fill(url, all_values, templates.in_url), headers, body

    def _call(self, url: str, method: str, values: Mapping[str, str], with_body: bool = False) -> Any:
        address, headers, body = self._filled(url, values, with_body)
        if any(self.secrets.values()):
            http.demand_tls(address, self.allowed)

        def call() -> http.Response:
            allowed = self.allowed
            try:
                answer = http.request(method, address, headers=headers, data=body, allowed_private_hosts=allowed, stay=True, deadline=120)
            except Failure as failure:
                raise self._without_secrets(failure) from None
            if answer.status in (401, 403):
                raise Denied(N_("Server menolak rahasianya (%(status)s)."), status=answer.status)
            if answer.status not in self._expected():
                raise self._without_secrets(self._failure(method, answer))
            return answer

        return call

    def _failure(self, method: str, answer: http.Response) -> Failure:
        failure = http.failure(answer)
        if method == "GET" or isinstance(failure, Throttled) or answer.status in (408, 425, 429, 503) or 300 <= answer.status < 500:
            return failure
        return Failure(N_("Server menjawab %(status)s; tidak diketahui apakah diterima."), "unknown", status=answer.status)

    def _expected(self) -> set[int]:
        listed = {int(part) for part in self._get("expected").replace(",", " ").split() if part.isascii() and part.isdigit()}
        return listed or set(range(200, 300))

    def _without_secrets(self, failure: Failure) -> Failure:
        """Their values may stand in an address, and so in a failure's words."""
        def hidden(value: Any) -> Any:
            for secret in filter(None, self.secrets.values()):
                for shape in (secret, templates.in_url(secret)):
                    value = value.replace(shape, "…") if isinstance(value, str) else value
            return value

        failure.params = {name: hidden(value) for name, value in failure.params.items()}
        failure.args = (failure.message % failure.params if failure.params else failure.message,)
        return failure

    def _result(self, request: Request, answer: Any) -> Result:
        kept = answer if isinstance(answer, dict) else _kept(answer)
        url, id = _picked(kept, self._get("url_path")), _picked(kept, self._get("id_path"))
        return Result(url if url.startswith(("https://", "http://")) else "", id or request.key, request.now)


def _values(request: Request) -> dict[str, str]:
    return {"title": content.clean(request.title), "summary": content.clean(request.summary), "markdown": content.clean(request.body),
            "html": content.html(request.body), "text": rules.compose("", rules.of_request(request, request.link)), "kind": request.kind,
            "key": request.key, "number": request.business_key, "link": request.link, "now": request.now.isoformat(), "id": ""}


def _kept(answer: http.Response) -> dict[str, Any]:
    """What is picked from later, small enough to be noted."""
    said = answer.json()
    return {"location": answer.headers.get("Location", "")[:2000], "json": said if len(answer.body) < 20_000 else None}


def _picked(kept: Mapping[str, Any], path: str) -> str:
    """The value at `a.0.b` of the JSON, or of the header Location; "" where there is none."""
    if path.lower() == "header:location":
        return str(kept["location"])
    value = kept["json"] if path else ""
    for part in filter(None, path.removeprefix("$").split(".")):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return ""
    return str(value) if isinstance(value, (str, int)) else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
