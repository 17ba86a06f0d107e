"""What the interfaces of Meta (Facebook, Instagram, Threads) have in common: how they say what went wrong, and how much one may call.

Errors: https://developers.facebook.com/docs/graph-api/guides/error-handling, with Instagram's own subcodes of
https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/error-codes; limits:
https://developers.facebook.com/docs/graph-api/overview/rate-limiting.
"""

import json
from datetime import datetime
from typing import Any

from connectors import N_, Denied, Failure, NotYet, Quota, Throttled, http

SIGNED_OUT = {102, 190}
FORBIDDEN = {3, 10, *range(200, 300)}
TOO_MANY = {4, 17, 32, 341, 613, *range(80_000, 80_015)}
DOUBLE, GONE = 506, 100
WAIT = 300.0  # seconds, where Meta does not say for how long

# Instagram's subcodes, which say more than the codes that they come with.
PASSING = {2207001, 2207003, 2207032, 2207053}  # its server failed, fetching took too long, making failed: the same again may go
UNFETCHED = 2207052  # said to be for good, but seen to pass: https://github.com/gitroomhq/postiz-app/pull/1900
USED_UP = {2207006, 2207008, 2207020}  # this container is not there (any more): another may be made
NOT_READY = 2207027
SPENT = 2207042  # the account's posts of 24 hours
SUSPECTED, RESTRICTED = 2207051, 2207050  # taken for spam; the account must be seen to in the app
QUOTA_WAIT, READY_WAIT = 3600.0, 30.0  # seconds; neither is said


class UsedUp(Failure):
    """The container that was to be published is gone, unpublished, or nothing comes of it: the next try is to make another."""


def answer(response: http.Response) -> dict[str, Any]:
    """What was said, {} where it is no JSON object."""
    said = response.json()
    return said if isinstance(said, dict) else {}


def is_signed_out(response: http.Response) -> bool:
    """The token is refused: it has ended, or was taken back."""
    error = answer(response).get("error")
    return isinstance(error, dict) and isinstance(error.get("code"), int) and error["code"] in SIGNED_OUT


def refusal(platform: str, response: http.Response, *, creates: bool = False) -> Failure:
    """What an answer that is not ok means. `creates`: made again, the call would make something twice."""
    error = answer(response).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return http.failure(response, creates=creates)
    code, subcode = error["code"], error.get("error_subcode")
    subcode = subcode if isinstance(subcode, int) else None
    words = {"platform": platform, "said": str(error.get("error_user_msg") or error.get("message") or "")[:300], "code": code,
             "subcode": subcode}
    if special := _by_subcode(subcode, words, creates):
        return special
    if code in TOO_MANY or response.status == 429:
        return Throttled(http.told_to_wait(response) or _regained(response) or WAIT)
    if code in SIGNED_OUT:
        return Denied(N_("%(platform)s tidak menerima lagi izin kanal ini (%(said)s). Admin perlu masuk lagi, atau mengisi token baru, di "
                         "halaman Kanal."), **words)
    if code in FORBIDDEN:
        return Denied(N_("Izin kanal ini di %(platform)s tidak mencukupi (%(said)s). Admin perlu masuk lagi, atau mengisi token "
                         "baru, dengan semua izin yang diminta."), **words)
    if code == DOUBLE:
        return Failure(N_("Menurut %(platform)s kiriman yang sama sudah ada: %(said)s"), "unknown", **words)
    if code in (1, 2) or error.get("is_transient"):
        return _trouble(words, creates)
    return Failure(N_("%(platform)s menolak: %(said)s"), **words)


def _by_subcode(subcode: Any, words: dict[str, Any], creates: bool) -> Failure | None:
    if subcode in PASSING:
        return _trouble(words, creates)
    if subcode == UNFETCHED:
        return Failure(N_("%(platform)s tidak dapat mengambil gambar atau video dari alamat Terbit: %(said)s"), "temporary", **words)
    if subcode in USED_UP:
        return UsedUp(N_("%(platform)s meminta kirimannya disiapkan lagi: %(said)s"), "temporary", **words)
    if subcode == NOT_READY:
        return NotYet(READY_WAIT)
    if subcode == SPENT:
        return Throttled(QUOTA_WAIT)
    if subcode in (SUSPECTED, RESTRICTED):
        return Failure(N_("%(platform)s menahan akun ini; buka aplikasinya dan selesaikan yang diminta di sana: %(said)s"), **words)
    return None


def _trouble(words: dict[str, Any], creates: bool) -> Failure:
    return Failure(N_("%(platform)s sedang terganggu: %(said)s"), "unknown" if creates else "temporary", **words)


def quotas(response: http.Response) -> tuple[Quota, ...]:
    """X-App-Usage tells in percent how much of each of three limits is used."""
    usage = _header(response, "x-app-usage")
    used = [value for value in usage.values() if _is_number(value)]
    return (Quota(N_("Panggilan API"), 100, 100 - int(min(max(*used, 0), 100))),) if used else ()


def moment(said: Any) -> datetime | None:
    """A time as Meta writes it; None where it is none."""
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _regained(response: http.Response) -> float | None:
    """X-Business-Use-Case-Usage tells in minutes when calls are taken again."""
    cases = [case for found in _header(response, "x-business-use-case-usage").values() if isinstance(found, list) for case in found]
    minutes: list[Any] = [case.get("estimated_time_to_regain_access") for case in cases if isinstance(case, dict)]
    return max((each * 60.0 for each in minutes if _is_number(each)), default=0.0) or None


def _is_number(said: Any) -> bool:
    """One that can be counted with: JSON's may be NaN, or longer than a float holds."""
    return isinstance(said, (int, float)) and -1e9 < said < 1e9


def _header(response: http.Response, name: str) -> dict[str, Any]:
    text = next((value for key, value in response.headers.items() if key.lower() == name), "")
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
