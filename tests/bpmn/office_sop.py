"""SOP 06/2022 as the office wrote it, out of `sop-06-2022.txt`: what the printed SOP is held against. Reads nothing of Terbit's."""

import re
from dataclasses import dataclass
from pathlib import Path

TEXT = (Path(__file__).parent / "sop-06-2022.txt").read_text()
ROW = re.compile(r"^\d+\.\t")
COLUMNS = 9


@dataclass(frozen=True)
class Cell:
    text: str  # with <i>…</i>, a line a paragraph
    symbol: bool  # something was drawn in it, as far as the text kept it


def pages() -> list[list[list[Cell]]]:
    """The flowchart's rows, each as its nine cells, page by page: a page begins where the table's head stands."""
    found: list[list[list[Cell]]] = []
    row = ""
    for line in TEXT.split("FLOWCHART ")[1].splitlines():
        if line.startswith("NO.\t"):
            found.append([])
        row = f"{row}\n{line}" if row else line if ROW.match(line) else ""
        if row.count("\t") == COLUMNS - 1:
            found[-1].append([_cell(part) for part in row.split("\t")])
            row = ""
    return found


def heads() -> list[list[list[str]]]:
    """The table's head, three rows, as each page repeats it; cells that a wider one covers are empty."""
    lines = TEXT.splitlines()
    return [[line.split("\t") for line in lines[at:at + 3]] for at, line in enumerate(lines) if line.startswith("NO.\t")]


def heading() -> str:
    return squeezed(re.search(r"\*\*(FLOWCHART .+?)\*\*", TEXT, re.DOTALL)[1])


def cover() -> list[str]:
    """Its lines; `*…*` is <i>…</i>."""
    return [re.sub(r"\*(.+?)\*", r"<i>\1</i>", line) for line in TEXT.split("PENGESAHAN")[0].splitlines() if line.strip()]


def clauses() -> list[str]:
    found = re.findall(r"^\d\. (Standar.+|Untuk.+|Perubahan.+)$", TEXT, re.MULTILINE)
    return [re.sub(r"\*(.+?)\*", r"<i>\1</i>", line) for line in found]


def signature() -> list[str]:
    return [line for line in TEXT.split("Disahkan di")[1].split("**SEKRETARIAT")[0].splitlines() if line.strip()]


def unit() -> str:
    return squeezed(re.search(r"\*\*(SEKRETARIAT .+?)\*\*", TEXT, re.DOTALL)[1])


def fields() -> list[tuple[str, str]]:
    return [(name, squeezed(value)) for name, value in re.findall(r"^([\w ]+)\t: (.+)$", TEXT, re.MULTILINE)]


def blocks() -> dict[str, list[str]]:
    """The identity page's blocks. In the text the two columns stand side by side, with a tab between."""
    lines = TEXT.split("\nDASAR HUKUM")[1].split("**FLOWCHART")[0].splitlines()
    found: dict[str, list[str]] = {"DASAR HUKUM": []}
    right = ""
    for line in lines:
        left, _tab, other = line.partition("\t")
        for side, text in (("left", left), ("right", other)):
            text = squeezed(text)
            if text and text == text.upper():
                found[right := text] = []
            elif text:
                found["DASAR HUKUM" if side == "left" else right].append(re.sub(r"^\d+\. ", "", text))
    return found


def squeezed(text: str) -> str:
    """With single spaces, and none before a stop: the text has those where a word in italics ends."""
    return re.sub(r" (?=[;.,])", "", " ".join(text.split()))


def _cell(text: str) -> Cell:
    drawn = re.search(r"<div[^>]*>(.*?)</div>", text)
    text = re.sub(r"<div[^>]*>|</div>", "", text)
    lines = [squeezed(line.replace("<p>", "")) for line in text.split("</p>")]
    return Cell("\n".join(line for line in lines if line), drawn is not None)
