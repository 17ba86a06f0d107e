// What was typed and not yet sent is kept: in this tab at once, and on the server as soon as it can be reached, so that any
// device of the person offers it again. The tab's copy ends when it is sent, thrown away or signed out.
const PREFIX = "terbit-draft:";
const PAUSE = 2000, LONGEST_PAUSE = 60_000; // milliseconds

export function drafts(words) {
  const done = new URLSearchParams(location.search).get("done");
  if (done) sessionStorage.removeItem(`${PREFIX}/tasks/${done}`);
  for (const form of document.querySelectorAll('form[action$="/sign-out"]')) form.addEventListener("submit", forgetAll);
  const form = document.querySelector("form[data-form]");
  if (form) new Draft(form, words).start();
}

function forgetAll() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  for (const key of Object.keys(localStorage)) if (key.startsWith("terbit-upload:")) localStorage.removeItem(key);
}

class Draft {
  constructor(form, words) {
    this.form = form;
    this.key = PREFIX + location.pathname;
    this.url = form.dataset.draftUrl; // none: a start form, kept in this tab only
    this.words = { ...words, ...JSON.parse(form.dataset.draftWords || "{}") };
    this.version = Number(form.dataset.draftVersion || 0);
    this.dirty = false;
    this.pause = PAUSE;
    this.state = form.querySelector("[data-draft-state]");
    this.offer = document.querySelector("[data-draft-offer]");
  }

  start() {
    if (this.form.dataset.draftUsed !== undefined) sessionStorage.removeItem(this.key);
    else if (!this.form.querySelector('[aria-invalid="true"]')) this.restore();
    for (const way of this.offer?.querySelectorAll("a, button") ?? []) way.addEventListener("click", () => this.stop());
    this.form.addEventListener("input", () => this.typed());
    this.form.addEventListener("submit", (event) => this.submitted(event), true);
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") this.save(true); });
    window.addEventListener("pagehide", () => this.save(true));
    window.addEventListener("pageshow", () => { this.sending = false; });
    window.addEventListener("online", () => { this.pause = PAUSE; this.later(0); });
    window.addEventListener("offline", () => { if (this.dirty) this.say(this.words.here); });
  }

  typed() {
    this.dirty = true;
    this.keep();
    this.later(this.pause);
  }

  keep() {
    sessionStorage.setItem(this.key, JSON.stringify({ fields: written(this.form), version: this.version, dirty: this.dirty }));
  }

  later(wait) {
    clearTimeout(this.timer);
    if (this.url && this.dirty) this.timer = setTimeout(() => this.save(), wait);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    sessionStorage.removeItem(this.key);
  }

  submitted(event) {
    if (event.submitter?.hasAttribute("formaction")) return;
    if (!navigator.onLine && this.url) {
      event.preventDefault();
      event.stopPropagation();
      this.say(this.words.offline, true);
    } else {
      clearTimeout(this.timer);
      this.sending = true; // the answer shows what was sent; this tab has its copy if none comes
    }
  }

  // While an older draft is still offered, nothing is written over it.
  async save(leaving = false) {
    if (!this.url || !this.dirty || this.stopped || this.sending || this.offer?.isConnected || (this.busy && !leaving)) return;
    const fields = written(this.form), sent = JSON.stringify(fields);
    this.busy = true;
    const answer = await fetch(this.url, {
      method: "POST", keepalive: leaving, body: JSON.stringify({ version: this.version, fields }),
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": this.form.elements.csrf_token.value },
    }).catch(() => null);
    const told = answer && !answer.redirected ? await answer.json().catch(() => null) : null;
    this.busy = false;
    if (answer?.ok && told) this.saved(told, sent);
    else if (answer?.status === 409 && told && "version" in told) this.newer(told, sent);
    else if (answer?.status === 409 || answer?.status === 403 || answer?.status === 404) { this.url = ""; this.say(told?.message ?? this.words.here); }
    else { this.say(this.words.here); this.pause = Math.min(this.pause * 2, LONGEST_PAUSE); this.later(this.pause); }
  }

  saved(told, sent) {
    this.version = told.version;
    this.pause = PAUSE;
    this.dirty = JSON.stringify(written(this.form)) !== sent;
    this.keep();
    this.say(this.words.saved.replace("{at}", told.at));
    if (this.dirty) this.later(PAUSE);
    else this.form.dispatchEvent(new Event("draft-saved"));
  }

  // What is kept there may be this page's own, saved while it was left; or thrown away there, and then this one counts.
  newer(told, sent) {
    this.version = told.version;
    if (!told.version || JSON.stringify(told.fields) === sent) return this.later(0);
    this.url = ""; // until the person has chosen
    const use = Object.assign(document.createElement("a"), { href: "?draft=1", className: "btn btn-secondary btn-small", textContent: this.words.use });
    use.addEventListener("click", () => this.stop());
    const keep = button(this.words.mine, () => { box.remove(); this.url = this.form.dataset.draftUrl; this.later(0); });
    const box = notice(this.words.newer.replace("{at}", told.at), use, keep);
    this.form.prepend(box);
    box.scrollIntoView({ block: "nearest" });
  }

  restore() {
    let kept;
    try { kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null"); } catch { kept = null; }
    if (!Array.isArray(kept?.fields)) return;
    if (this.url && !kept.dirty && kept.version !== this.version) return sessionStorage.removeItem(this.key);
    this.offer?.remove();
    this.version = kept.version;
    if (JSON.stringify(kept.fields) === JSON.stringify(written(this.form))) return;
    put(this.form, kept.fields);
    this.dirty = kept.dirty;
    this.form.prepend(notice(this.words.restored, button(this.words.discard, () => this.discard())));
    this.form.dispatchEvent(new Event("draft-restored", { bubbles: true }));
    setTimeout(() => this.form.dispatchEvent(new Event("change", { bubbles: true })));
    this.later(0);
  }

  async discard() {
    const url = this.url;
    this.stop();
    if (url) await fetch(`${url}/discard`, { method: "POST", redirect: "manual", headers: { "X-CSRFToken": this.form.elements.csrf_token.value } }).catch(() => null);
    location.reload();
  }

  say(text, loud = false) {
    if (!this.state) return;
    this.state.textContent = text;
    this.state.classList.toggle("is-loud", loud);
  }
}

// As a browser would send it, but for new files: those go up by themselves, and are named by hidden fields.
function written(form) {
  return [...new FormData(form)].filter(([name, value]) => name.startsWith("v-") && typeof value === "string");
}

function put(form, pairs) {
  const values = new Map();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  for (const place of form.querySelectorAll("[data-files]")) {
    const name = `v-${place.dataset.variable}-kept`, list = place.querySelector(".file-list");
    const held = [...list.querySelectorAll("input[type=hidden]")];
    for (const each of held) if (values.has(name) && !values.get(name).includes(each.value)) each.closest(".file-item").remove(); // replaced
    const there = held.map((each) => each.value);
    for (const value of values.get(name) ?? []) if (!there.includes(value)) list.append(file(name, value));
  }
  for (const each of form.elements) {
    if (!each.name?.startsWith("v-") || ["file", "hidden", "submit"].includes(each.type)) continue;
    const held = values.get(each.name) ?? [];
    if (each.type === "checkbox" || each.type === "radio") each.checked = held.includes(each.value);
    else if (held.length) each.value = held[0];
  }
}

function file(name, value) {
  const item = Object.assign(document.createElement("li"), { className: "file-item" });
  let title = "";
  try { title = String(JSON.parse(value).name); } catch { /* the server will not take it either */ }
  item.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }), title);
  return item;
}

function button(text, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-small", textContent: text });
  made.addEventListener("click", action);
  return made;
}

function notice(text, ...ways) {
  const box = Object.assign(document.createElement("div"), { className: "notice notice-quiet draft-notice" });
  box.setAttribute("role", "status");
  box.append(Object.assign(document.createElement("span"), { textContent: text }), ...ways);
  return box;
}
