"""A decision made by one click: a form's radio with the property `tombol` is shown as buttons that complete the task.

Its value names what stands on them, in the order of the options: "Setujui, Kembalikan". An option that asks for more
(fields shown with it only, such as the note of a return) opens these first. Without scripts every button sends the
form at once, and what is missing is asked for then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bpmn import forms as rules
from bpmn.errors import N_

WORDS = (N_("Setujui"), N_("Kembalikan"), N_("Tolak"))  # what the shipped procedures say, for the catalogue
READY = ("approve", "return")  # the office's ready phrases: of the first option, and of every other


@dataclass(frozen=True)
class Button:
    """One option. `asks`: the keys of the fields that are shown with it and not with every other."""

    value: str
    word: str
    label: str
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    key: str
    label: str
    buttons: tuple[Button, ...]
    phrases: Mapping[str, list[str]] = field(default_factory=dict)  # field -> what may be put into it by a click

    @property
    def asked(self) -> frozenset[str]:
        return frozenset(key for button in self.buttons for key in button.asks)


def decision(schema: rules.Form, values: Mapping[str, Any], variables: Mapping[str, Any],
             phrases: Mapping[str, list[str]]) -> Decision | None:
    """The form's decision by buttons, if it has one; `phrases` by 'approve' and 'return', as the office has set them."""
    radio = next((f for f in schema.fields() if f.type == "radio" and f.properties.get("tombol") and len(f.options) > 1), None)
    if radio is None or radio.readonly:
        return None
    words = [word.strip() for word in radio.properties["tombol"].split(",")]
    shown = [schema.shown(dict(values) | {radio.key: option.value}, variables) for option in radio.options]
    always = frozenset.intersection(*(frozenset(keys) for keys in shown))
    order = [f.key for f in schema.fields()]
    buttons = tuple(
        Button(option.value, words[n] if n < len(words) and words[n] else option.label, option.label,
               tuple(sorted(shown[n] - always, key=order.index)))
        for n, option in enumerate(radio.options))
    texts = {f.key for f in schema.fields() if f.type == "textarea" and not f.readonly}
    ready = {key: phrases.get(READY[min(n, 1)], []) for n, button in enumerate(buttons) for key in button.asks if key in texts}
    return Decision(radio.key, radio.label, buttons, ready)
