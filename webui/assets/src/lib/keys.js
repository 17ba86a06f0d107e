// The inbox by keyboard: the rows' links are moved between as focus, so that Enter opens and the focus ring shows where one is.
const OFF = "terbit-keys-off";
const typing = (e) => e.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const stored = () => { try { return localStorage.getItem(OFF); } catch { return null; } };

export function keys() {
  const list = () => document.querySelector("[data-rows]");
  if (!list()) return;
  dialogs();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.target.closest("details[open]") || (stored() && event.key.length === 1)) return;
    const act = actions(list())[event.key] ?? (/^[1-4]$/.test(event.key) ? () => document.querySelectorAll("[data-tab]")[event.key - 1]?.click() : null);
    if (act && act() !== false) event.preventDefault();
  });
}

function actions(list) {
  const links = [...list.querySelectorAll(".row-title")];
  const row = document.activeElement.closest(".row-item");
  const at = links.indexOf(row?.querySelector(".row-title"));
  const move = (by) => { const next = links[at < 0 ? 0 : at + by]; next?.focus(); next?.scrollIntoView({ block: "nearest" }); return Boolean(next); };
  // Arrows scroll the page unless one stands in the list.
  const arrow = (by) => at >= 0 && move(by);
  const press = (selector) => row?.querySelector(selector)?.click();
  return {
    j: () => move(1), k: () => move(-1), ArrowDown: () => arrow(1), ArrowUp: () => arrow(-1),
    x: () => press(".row-check"), c: () => press("[data-claim]"),
    "/": () => { const field = document.querySelector("[data-search]"); field?.focus(); field?.select(); },
    "?": () => document.querySelector("#keys")?.showModal(),
  };
}

function dialogs() {
  for (const button of document.querySelectorAll("[data-dialog]")) {
    button.hidden = false;
    button.addEventListener("click", () => document.querySelector(button.dataset.dialog).showModal());
  }
  const on = document.querySelector("[data-keys-on]"); // one-letter shortcuts get in the way of speech input: they can be put off
  on.checked = !stored();
  on.addEventListener("change", () => { try { on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"); } catch { /* a browser without storage keeps them */ } });
}
