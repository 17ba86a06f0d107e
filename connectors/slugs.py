"""Names that may stand in an address."""

import re
import unicodedata


def slug(text: str, limit: int = 150) -> str:
    """Lower-case words of ASCII letters and digits, joined by hyphens, whole words up to `limit`; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) <= limit:
        return words
    head, _, cut = words[: limit + 1].rpartition("-")
    return head or cut[:limit]
