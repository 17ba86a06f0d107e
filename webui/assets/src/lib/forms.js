// What makes a form kinder: fields that come and go, files that upload at once, a count of letters, a warning before leaving.
export function forms(words) {
  document.querySelector("[data-focus]")?.focus();
  for (const form of document.querySelectorAll("form[data-form]")) {
    conditions(form);
    if (form.querySelector("[data-files]")) import("./uploads.js").then(({ uploads }) => uploads(form, words)).catch(() => {}); // the field works without
    counters(form);
    keepFromLosing(form);
  }
}

// Of a form that is swapped in: only which fields are shown.
export function asking() {
  document.addEventListener("htmx:load", ({ detail }) => {
    for (const form of detail.elt.querySelectorAll("form[data-shown-url]:not([data-form])")) conditions(form);
  });
}

// The server says which fields are shown, by the same rules by which it will check them.
function conditions(form) {
  const url = form.dataset.shownUrl;
  if (!url || !form.querySelector("[data-conditional]")) return;
  let turn = 0;
  const ask = async () => {
    const mine = ++turn;
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    const answer = await fetch(url, { method: "POST", body: data }).catch(() => null);
    if (!answer?.ok || mine !== turn) return;
    const shown = await answer.json();
    for (const field of form.querySelectorAll("[data-conditional]")) field.hidden = !shown.includes(field.dataset.field);
  };
  form.addEventListener("change", ({ target }) => { if (target.type !== "file") ask(); });
}

function counters(form) {
  for (const area of form.querySelectorAll("[data-counted]")) {
    const note = Object.assign(document.createElement("p"), { className: "field-count" });
    const show = () => { note.textContent = `${area.value.length} / ${area.dataset.counted}`; note.hidden = area.value.length < area.dataset.counted * 0.7; };
    area.after(note);
    area.addEventListener("input", show);
    show();
  }
}

function keepFromLosing(form) {
  let touched = Boolean(form.querySelector('[aria-invalid="true"]'));
  form.addEventListener("input", () => { touched = true; });
  form.addEventListener("draft-saved", () => { touched = false; });
  form.addEventListener("submit", ({ submitter }) => { if (!submitter?.hasAttribute("formaction")) touched = false; });
  window.addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
}
