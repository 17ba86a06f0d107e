"""What a password must be, after NIST SP 800-63B-4 (3.1.1.2): long, and none that is guessed first; and what is kept of a secret.

No rules of composition and no end date: both make passwords worse. Any Unicode counts, each code point as one character.
A password is kept as an argon2id hash, what is random anyway (256 bits) as its SHA-256.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache

import argon2

from bpmn.errors import N_, Invalid
from engine.process_engine import ProcessEngine

ALONE, WITH_SECOND_FACTOR = 15, 8  # characters at least; PASSWORD_LENGTH and PASSWORD_LENGTH_WITH_SECOND_FACTOR ask for more
LONGEST = 256
OUR_WORDS = ("terbit", "kpu", "komisi pemilihan umum", "pemilu", "password", "sandi", "rahasia", "admin", "administrator",
             "indonesia", "jakarta", "kepulauan seribu", "merdeka", "sayang", "bismillah", "alhamdulillah")
SEQUENCES = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedcrfvtgb", "1qaz2wsx3edc4rfv")

_hasher = argon2.PasswordHasher()  # argon2id with RFC 9106's second recommendation; old hashes are renewed at sign-in


def shortest(pe: ProcessEngine, second_factor: bool) -> int:
    """Return how many characters a password has at least, alone or beside a second factor."""
    name, least = ("PASSWORD_LENGTH_WITH_SECOND_FACTOR", WITH_SECOND_FACTOR) if second_factor else ("PASSWORD_LENGTH", ALONE)
    return max(int(pe.config.get(name, least)), WITH_SECOND_FACTOR)


def check(pe: ProcessEngine, password: str, *, second_factor: bool = False, about: Iterable[str] = ()) -> str:
    """Return the password if it is a good one, else Invalid on the field `password`. `about`: names of the person and the office."""
    least = shortest(pe, second_factor)
    if not least <= len(password) <= LONGEST:
        raise Invalid(N_("Kata sandi harus %(least)s sampai %(most)s karakter."), field="password", least=least, most=LONGEST)
    if is_guessed_first(password, about):
        raise Invalid(N_("Kata sandi ini mudah ditebak: terlalu umum, berulang, atau hanya nama Anda atau kantor. Pakailah beberapa kata "
                         "yang tidak berhubungan."), field="password")
    return password


def is_guessed_first(password: str, about: Iterable[str] = ()) -> bool:
    """Whether a password is among those that are tried first.

    One that is in the list of common ones; that repeats a short piece or a common word, also with digits around; or in
    which, without walks along the keyboard and what is known of person and office, hardly a letter is left.
    """
    plain = unicodedata.normalize("NFKC", password).casefold()
    unit, walked = _unit(plain), _without_walks(plain)
    if plain in _common() or len(unit) <= 3 or unit in _common():
        return True
    left = re.sub(r"[\W\d_]+", "", walked)  # letters alone: 'Terbit-2026!' is 'terbit'
    if _unit(left) in _common():
        return True
    for word in sorted({re.sub(r"[\W\d_]+", "", word) for word in _words(about)}, key=len, reverse=True):
        if len(word) > 2:
            left = left.replace(word, "")
    return len(left) < 4 and (left != re.sub(r"[\W\d_]+", "", plain) or walked != plain)


def hashed(password: str) -> str:
    """What is kept of a password: an argon2id hash of its own salt."""
    return _hasher.hash(_canonical(password))


def verify(kept: str, password: str) -> bool:
    """Whether what is kept is of this password."""
    try:
        return _hasher.verify(kept, _canonical(password))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than one would be made with now."""
    return _hasher.check_needs_rehash(kept)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _words(about: Iterable[str]) -> Iterable[str]:
    for text in (*about, *OUR_WORDS):
        folded = unicodedata.normalize("NFKC", text).casefold()
        yield folded
        yield from re.split(r"[\W_]+", folded)


def _unit(text: str) -> str:
    """The shortest piece whose repetition the text is: 'abab' is 'ab'."""
    at = (text + text).find(text, 1)
    return text[:at]


def _without_walks(text: str) -> str:
    """The text without its steps along the alphabet, the digits or the keyboard, to and fro."""
    for row in SEQUENCES:
        for length in range(min(len(row), len(text)), 3, -1):
            for at in range(len(row) - length + 1):
                piece = row[at:at + length]
                text = text.replace(piece, "").replace(piece[::-1], "")
    return text


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 passwords of breaches; here, since few processes ever ask

    return frozenset(FREQUENCY_LISTS["passwords"])


def _canonical(password: str) -> bytes:
    bounded = password[:LONGEST + 1]  # a stranger chooses its length
    return unicodedata.normalize("NFKC", bounded).encode("utf-8", "surrogatepass")
