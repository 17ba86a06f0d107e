// Previews: a frame grows to its page, the website's own opens in a dialog, channels become tabs, and while somebody types
// the server draws and counts again: the numbers are those by which it will refuse.
export function previews() {
  for (const frame of document.querySelectorAll("iframe[data-preview]")) {
    const fit = () => { const page = frame.contentDocument?.documentElement; if (page) frame.style.height = `${Math.min(page.scrollHeight + 2, 1600)}px`; };
    frame.addEventListener("load", fit);
    fit();
  }
  const dialog = document.getElementById("preview-dialog");
  if (dialog) {
    for (const button of document.querySelectorAll("[data-preview-button]")) button.formTarget = "preview-frame";
    document.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-preview-button]");
      if (!button) return;
      button.formTarget = "preview-frame";
      dialog.showModal();
    });
  }
  for (const place of document.querySelectorAll("[data-tabs]")) {
    const words = JSON.parse(place.dataset.words);
    const list = tabs(place, words);
    if (place.dataset.channels) live(place, list, words);
  }
}

const panels = (place) => [...place.querySelectorAll(".tab-panel")];

function tabs(place, words) {
  const list = Object.assign(document.createElement("div"), { className: "tab-list" });
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", place.dataset.tabs);
  place.before(list);
  place.classList.add("tabs-live");
  draw(place, list, words);
  list.addEventListener("click", ({ target }) => { const tab = target.closest("[role=tab]"); if (tab) choose(place, list, tab.dataset.panel); });
  list.addEventListener("keydown", (event) => {
    const all = [...list.children];
    const here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = all[(to + all.length) % all.length];
    choose(place, list, tab.dataset.panel);
    tab.focus();
  });
  return list;
}

function draw(place, list, words) {
  const focused = document.activeElement?.dataset?.panel;
  list.replaceChildren(...panels(place).map((panel) => {
    const tab = Object.assign(document.createElement("button"), { type: "button", className: "tab", textContent: panel.dataset.name, id: `tab-${panel.id}` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.dataset.panel = panel.id;
    if ("blocked" in panel.dataset) tab.append(Object.assign(document.createElement("span"), { className: "tab-blocked", textContent: words.blocked }));
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    return tab;
  }));
  const all = panels(place);
  choose(place, list, place.dataset.chosen ?? (all.find((panel) => panel.querySelector("iframe, .post")) ?? all[0])?.id);
  if (focused) list.querySelector(`[data-panel="${focused}"]`)?.focus();
}

function choose(place, list, id) {
  const all = panels(place);
  const chosen = all.find((panel) => panel.id === id) ?? all[0];
  if (!chosen) return;
  place.dataset.chosen = chosen.id;
  for (const panel of all) panel.hidden = panel !== chosen;
  for (const tab of list.children) {
    tab.setAttribute("aria-selected", String(tab.dataset.panel === chosen.id));
    tab.tabIndex = tab.dataset.panel === chosen.id ? 0 : -1;
  }
  chosen.querySelector("iframe[data-preview]")?.dispatchEvent(new Event("load"));
}

function live(place, list, words) {
  const form = document.getElementById("task-form");
  if (!form) return;
  let turn = 0;
  let timer;
  const ask = async () => {
    const mine = ++turn;
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    const answer = await fetch(place.dataset.channels, { method: "POST", body: data }).catch(() => null);
    if (!answer?.ok || mine !== turn) return;
    const text = await answer.text();
    if (mine !== turn) return;
    place.innerHTML = text;
    place.dataset.typed = "1";
    draw(place, list, words);
    counters(place, form, words);
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(ask, 350); };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  counters(place, form, words);
}

function counters(place, form, words) {
  const counts = JSON.parse(place.querySelector("[data-counts]")?.dataset.counts ?? "{}");
  for (const [key, { used, limit, over, own, fits }] of Object.entries(counts)) {
    const field = form.elements[`v-${key}`];
    if (!field) continue;
    const note = field.parentElement.querySelector(".field-count") ?? Object.assign(document.createElement("p"), { className: "field-count" });
    note.classList.toggle("post-over", over);
    note.textContent = `${own ? "" : `${words.auto}: `}${used}${limit ? ` / ${limit}` : ""}${over ? `. ${words.over.replace("{}", used - limit)}` : ""}`;
    field.after(note);
    if (fits && place.dataset.typed) mended(field);
  }
}

// What the server refused and now takes is no longer marked as wrong.
function mended(field) {
  field.classList.remove("is-invalid");
  field.removeAttribute("aria-invalid");
  document.getElementById(`${field.id}-error`)?.remove();
}
