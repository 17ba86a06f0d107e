// A decision by buttons: one that asks for more opens its fields first, and sends with the second click. Ready phrases.
export function decisions() {
  document.addEventListener("click", ({ target }) => {
    const chip = target.closest?.("[data-phrase]");
    if (chip) add(document.getElementById(chip.dataset.phrase), chip.textContent);
    const button = target.closest?.("[data-decision] button");
    if (button && !open(button)) button.dataset.wait = "1";
  });
  // whoever comes back with a note half written finds it open
  document.addEventListener("draft-restored", ({ target }) => {
    for (const button of target.querySelectorAll("[data-decision] button")) {
      if (asked(button).some((field) => field.querySelector("textarea, input:not([type=hidden])")?.value)) open(button, false);
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.submitter?.dataset.wait) return;
    delete event.submitter.dataset.wait;
    event.preventDefault();
  }, true);
}

const asked = (button) => button.dataset.asks.split(" ").filter(Boolean)
  .map((key) => button.form.querySelector(`[data-field="${CSS.escape(key)}"]`)).filter(Boolean);

// True when the form may go: nothing more is asked, or it stands open and filled.
function open(button, look = true) {
  const fields = asked(button), closed = fields.filter((field) => field.hidden);
  choose(button);
  for (const field of fields) field.hidden = false;
  if (!look) return true;
  if (closed.length) { closed[0].querySelector("textarea, input, select")?.focus(); return false; }
  return fields.every((field) => [...field.querySelectorAll("[aria-required]")].every((each) => { each.required = true; return each.reportValidity(); }));
}

// The form holds what was chosen, for those who ask the server what is shown.
function choose(button) {
  let held = button.form.querySelector("input[data-chosen]");
  if (!held) {
    held = Object.assign(document.createElement("input"), { type: "hidden", name: button.name });
    held.dataset.chosen = "1";
    button.parentElement.append(held);
  }
  held.value = button.value;
}

function add(area, phrase) {
  area.value = area.value.trim() ? `${area.value.replace(/\s+$/, "")}\n${phrase}` : phrase;
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}
