// What was typed and not yet sent survives a reload, a lost connection or a session that ended: in this tab only, and until
// it is sent, thrown away or signed out. Files are kept by the server already.
const PREFIX = "terbit-draft:";

export function drafts(words) {
  const done = new URLSearchParams(location.search).get("done");
  if (done) sessionStorage.removeItem(`${PREFIX}/tasks/${done}`);
  for (const form of document.querySelectorAll('form[action$="/sign-out"]')) form.addEventListener("submit", forgetAll);
  const form = document.querySelector("form[data-form]");
  if (!form) return;
  const key = PREFIX + location.pathname;
  if (!form.querySelector('[aria-invalid="true"]')) restore(form, key, words);
  form.addEventListener("input", () => { sessionStorage.setItem(key, JSON.stringify(written(form))); });
}

function forgetAll() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

const fields = (form) => [...form.elements].filter((each) => each.name?.startsWith("v-") && !["file", "hidden"].includes(each.type) && !each.name.endsWith("-drop"));
const choice = (each) => each.type === "checkbox" || each.type === "radio";

function written(form) {
  return fields(form).map((each) => [each.name, choice(each) ? each.value : "", choice(each) ? each.checked : each.value]);
}

function restore(form, key, words) {
  let draft;
  try { draft = JSON.parse(sessionStorage.getItem(key) ?? "null"); } catch { draft = null; }
  if (!draft || JSON.stringify(draft) === JSON.stringify(written(form))) return;
  for (const [name, value, content] of draft) {
    const field = fields(form).find((each) => each.name === name && (!choice(each) || each.value === value));
    if (field && choice(field)) field.checked = content;
    else if (field) field.value = content;
  }
  form.prepend(notice(key, words));
  setTimeout(() => form.dispatchEvent(new Event("change", { bubbles: true })));
}

function notice(key, words) {
  const box = Object.assign(document.createElement("div"), { className: "notice notice-quiet draft-notice" });
  box.setAttribute("role", "status");
  const discard = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-small", textContent: words.discard });
  discard.addEventListener("click", () => { sessionStorage.removeItem(key); location.reload(); });
  box.append(Object.assign(document.createElement("span"), { textContent: words.restored }), discard);
  return box;
}
