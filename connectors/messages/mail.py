"""E-mail by SMTP, as the address in SMTP_URL says: smtp://user:password@host:587?starttls=1, or smtps://…:465."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import parse_qs, unquote, urlsplit

from connectors import N_, Failure
from connectors.messages import Unreachable

TIMEOUT = 20.0  # seconds that the server may stay silent
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def send(url: str, sender: str, recipient: str, message: EmailMessage, *, timeout: float = TIMEOUT) -> None:
    """Hand one message over. After this returns the server has taken it.

    `unknown` only where the whole message was sent and no answer came.
    """
    content = message.as_bytes(policy=SMTP)
    with _session(url, timeout) as smtp:
        _expect(smtp.mail(sender), about_everyone=True)
        _expect(smtp.rcpt(recipient))
        answer: tuple[int, bytes | str]
        try:
            answer = smtp.data(content)
        except smtplib.SMTPDataError as error:  # it would not even have it sent
            answer = error.smtp_code, error.smtp_error
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise Failure(N_("Server e-mail memutus sambungan sebelum menjawab."), "unknown") from error
        _expect(answer)


def test(url: str, *, timeout: float = TIMEOUT) -> str:
    """Sign in and send nothing; returns what to say of it."""
    with _session(url, timeout) as smtp:
        _expect(smtp.noop(), about_everyone=True)
    return N_("Server e-mail menjawab dan menerima masuknya Terbit.")


test.__test__ = False  # type: ignore[attr-defined]  # whatever pytest makes of its name


@contextmanager
def _session(url: str, timeout: float) -> Iterator[smtplib.SMTP]:
    smtp = None
    try:
        smtp = _connected(url, timeout)
        yield smtp
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(N_("Server e-mail tidak dapat dihubungi: %(reason)s"), reason=_reason(error)) from error
    finally:
        if smtp:
            try:
                smtp.quit()
            except (smtplib.SMTPException, OSError):
                smtp.close()  # what it took, it has taken


def _connected(url: str, timeout: float) -> smtplib.SMTP:
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Unreachable(N_("SMTP_URL harus seperti smtp://nama:sandi@server:587?starttls=1."))
    wants_tls = parse_qs(parts.query).get("starttls", ["0"])[0] not in ("0", "false", "no")
    if parts.username and not (wants_tls or parts.scheme == "smtps" or parts.hostname in LOOPBACK):
        raise Unreachable(N_("Kata sandi e-mail tidak dikirim tanpa enkripsi: pakai smtps:// atau ?starttls=1."))
    if parts.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=timeout, context=ssl.create_default_context())
    else:
        smtp = smtplib.SMTP(parts.hostname, parts.port or (587 if wants_tls else 25), timeout=timeout)
    try:
        if wants_tls and parts.scheme == "smtp":
            smtp.starttls(context=ssl.create_default_context())
        if parts.username:
            smtp.login(unquote(parts.username), unquote(parts.password or ""))
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _expect(answer: tuple[int, bytes | str], *, about_everyone: bool = False) -> None:
    code, said = answer
    if 200 <= code < 300:
        return
    text = (said.decode("utf-8", "replace") if isinstance(said, bytes) else said)[:300]
    if about_everyone or code == 421 or code == -1:
        raise Unreachable(N_("Server e-mail menjawab %(code)s: %(said)s"), code=code, said=text)
    raise Failure(N_("Server e-mail menjawab %(code)s: %(said)s"), "temporary" if code < 500 else "permanent", code=code, said=text)


def _reason(error: Exception) -> str:
    """What went wrong, without what was sent: an authentication error holds the server's words only."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"[:300]
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:300]
