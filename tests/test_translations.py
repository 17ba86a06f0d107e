"""Every text is written in Indonesian, and has its English."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent

KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "_l": None, "pgettext": ((1, "c"), 2)}


@pytest.fixture(scope="module")
def english():
    with (ROOT / "webui/translations/en/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="en")


def written():
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, keywords=KEYWORDS,
                             directory_filter=lambda path: not any(part in path for part in ("node_modules", "/.")))
    return {message: file for file, _, message, _, _ in found}


def test_every_text_has_its_english(english):
    missing = []
    for message, file in written().items():
        entry = english.get(message if isinstance(message, str) else message[0])
        if entry is None or entry.fuzzy or not all([entry.string] if isinstance(entry.string, str) else entry.string):
            missing.append(f"{file}: {message}")
    assert not missing


def test_a_translation_has_the_places_of_its_original(english):
    wrong = [entry.id for entry in english if entry.id and list(entry.check(english))]
    assert not wrong


def test_no_text_hides_in_an_f_string():
    """Babel does not look into f-strings before Python 3.12."""
    hidden = [f"{path.relative_to(ROOT)}: {call[0]}" for folder in ("bpmn", "engine", "webui", "connectors")
              for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
              for call in re.finditer(r"""f(["']).*\{(_|N_|ngettext)\(["']""", path.read_text("utf-8"))]
    assert hidden == []
