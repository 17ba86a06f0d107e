// A chosen file goes up at once; what the server keeps comes back as a list item, and the field is empty again.
// For a task it goes in pieces (tus 1.0.0, see webui/uploads.py): a line that breaks costs one piece, and the same file
// chosen again after a reload goes on where it was. Loaded where a form takes files.
import { smaller } from "./photos.js";

const KEY = "terbit-upload:", KEPT = 24 * 3600_000;
const PIECE = 512 * 1024, STALLED = 30_000, FIRST_WAIT = 1000, LONGEST_WAIT = 30_000, MOST_BREAKS = 60; // breaks in a row

class Broken extends Error {} // no answer, or none that says anything: again later
class Refused extends Error {
  constructor(message, status = 0) { super(message); this.status = status; }
}

export function uploads(form, words) {
  let going = 0;
  const submits = () => form.querySelectorAll("button:not([type=button])");
  for (const place of form.querySelectorAll("[data-files]")) {
    if (!place.dataset.words) continue;
    const told = { ...words, ...JSON.parse(place.dataset.words) };
    let queue = Promise.resolve();
    place.classList.add("files-live");
    unfinished(form, place, told);
    const take = (input) => {
      const item = input.dataset.replaces ? input.closest(".file-item") : null;
      const rows = [...input.files].map((file) => new Upload(form, place, file, item, told));
      input.value = "";
      going += rows.length;
      for (const button of submits()) button.disabled = true;
      for (const row of rows) {
        queue = queue.then(() => row.run()).finally(() => {
          going -= 1;
          if (!going) for (const button of submits()) button.disabled = false;
        });
      }
    };
    place.addEventListener("change", ({ target }) => { if (target.type === "file") take(target); });
    for (const input of place.querySelectorAll("input[type=file]")) if (input.files.length) take(input); // chosen before this was loaded
  }
}

class Upload {
  constructor(form, place, file, item, words) {
    Object.assign(this, { form, place, original: file, item, words });
    this.replaces = item?.querySelector("[data-replaces]")?.dataset.replaces ?? "";
    const { task, variable } = place.dataset;
    this.key = `${KEY}${task}:${variable}:${this.replaces}:${file.name}:${file.size}:${file.lastModified}`;
    for (const other of place.querySelectorAll("[data-unfinished]")) if (other.dataset.unfinished === this.key) other.remove();
    this.bar = Object.assign(document.createElement("progress"), { max: 100, value: 0 });
    this.bar.setAttribute("aria-label", file.name);
    this.note = element("span", "upload-note");
    this.note.setAttribute("role", "status");
    this.stop = button(this.words.cancel, () => this.cancel());
    this.row = element("div", "upload");
    this.row.append(element("span", "upload-name", file.name), this.bar, this.stop, this.note);
    for (const old of place.querySelectorAll(".upload-done")) old.remove();
    place.querySelector(".file-state").append(this.row);
  }

  async run() {
    if (this.cancelled) return;
    try {
      this.note.textContent = this.words.preparing;
      this.file = await smaller(this.original, this.place.querySelector("input[type=file]")?.accept);
      this.sizes = this.file === this.original ? size(this.file.size) : `${size(this.original.size)} → ${size(this.file.size)}`;
      this.note.textContent = this.sizes;
      if (this.file.size > this.place.dataset.largest * 1024 * 1024) throw new Refused(this.words.large);
      const html = this.place.dataset.task ? await this.inPieces() : await this.whole();
      if (!this.cancelled) this.took(html);
    } catch (problem) {
      if (!this.cancelled) this.refused(problem);
    }
  }

  took(html) {
    const list = this.place.querySelector(".file-list");
    if (this.item?.isConnected) {
      const said = this.item.querySelector("input[name*='-alt-']")?.value;
      this.item.insertAdjacentHTML("afterend", html);
      const alt = this.item.nextElementSibling.querySelector("input[name*='-alt-']");
      if (alt && said) alt.value = said;
      this.item.remove();
    } else {
      if (!this.place.querySelector("input[type=file]:not([data-replaces])").multiple) list.replaceChildren();
      list.insertAdjacentHTML("beforeend", html);
    }
    const done = this.sizes.includes("→") ? this.words.smaller : this.words.done;
    this.row.replaceChildren(Object.assign(this.note, { textContent: `${this.original.name}: ${done.replace("{sizes}", this.sizes)}` }));
    this.row.classList.add("upload-done");
    this.form.dispatchEvent(new Event("input"));
  }

  refused(problem) {
    if (!(problem instanceof Broken)) localStorage.removeItem(this.key);
    const why = element("span", "field-error", `${this.original.name}: ${problem.message || this.words.failed}`);
    why.setAttribute("role", "alert");
    this.row.replaceChildren(why);
    this.row.classList.add("upload-done");
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
    this.wake?.();
    giveUp(this.form, this.key, this.url);
    this.row.remove();
  }

  // In pieces ----------------------------------------------------------------------------------------------------------

  async inPieces() {
    this.url = remembered(this.key, this.file.size);
    let wait = FIRST_WAIT, breaks = 0;
    while (!this.cancelled) {
      try {
        this.url ||= await this.create();
        const html = await this.sendRest(() => { wait = FIRST_WAIT; breaks = 0; this.note.textContent = this.sizes; });
        localStorage.removeItem(this.key);
        return html;
      } catch (problem) {
        if (this.cancelled) return "";
        const isGone = problem instanceof Refused && (problem.status === 404 || problem.status === 409) && this.url;
        if (isGone) { localStorage.removeItem(this.key); if (problem.status === 404) this.url = ""; } else if (!(problem instanceof Broken)) throw problem;
        if ((breaks += 1) > (isGone ? 5 : MOST_BREAKS)) throw problem;
        if (isGone) continue;
        this.note.textContent = this.words.broken;
        await this.pause(wait);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
    }
    return "";
  }

  async create() {
    const named = { filename: this.file.name, variable: this.place.dataset.variable, ...(this.replaces ? { replaces: this.replaces } : {}) };
    const answer = await this.call("POST", `/tasks/${this.place.dataset.task}/uploads`, {
      "Upload-Length": this.file.size, "Upload-Metadata": Object.entries(named).map(([name, value]) => `${name} ${base64(value)}`).join(",") });
    const url = answer.getResponseHeader("Location");
    if (!url) throw new Refused(this.words.failed); // a page: signed out meanwhile
    try { localStorage.setItem(this.key, JSON.stringify({ url, size: this.file.size, at: Date.now(), name: this.original.name })); } catch { /* full: it goes on without */ }
    return url;
  }

  async sendRest(moved) {
    let offset = where(await this.call("HEAD", this.url));
    while (offset < this.file.size) {
      this.show(offset);
      const piece = this.file.slice(offset, offset + PIECE), from = offset;
      offset = where(await this.call("PATCH", this.url, { "Upload-Offset": from, "Content-Type": "application/offset+octet-stream" }, piece,
        (sent) => this.show(from + sent)));
      moved();
    }
    this.show(this.file.size);
    return (await this.call("POST", `${this.url}/finish`)).responseText;
  }

  show(bytes) { this.bar.value = Math.floor(100 * bytes / this.file.size); }

  pause(wait) {
    return new Promise((resolve) => {
      const go = () => { clearTimeout(timer); window.removeEventListener("online", go); resolve(); };
      const timer = setTimeout(go, wait);
      window.addEventListener("online", go);
      this.wake = go;
    });
  }

  call(method, url, headers = {}, body = null, progress = null) {
    return call(this.form, method, url, headers, body, progress, (request) => { this.request = request; });
  }

  // In one: for a form of a case that is not begun yet ------------------------------------------------------------------

  async whole() {
    const data = new FormData();
    data.append("variable", this.place.dataset.variable);
    data.append("definition_id", this.place.dataset.definition);
    if (this.replaces) data.append("replaces", this.replaces);
    data.append("file", this.file, this.file.name);
    return (await this.call("POST", "/uploads", {}, data, (sent) => this.show(Math.min(sent, this.file.size)))).responseText;
  }
}

function call(form, method, url, headers, body, progress, began) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer;
    const alive = () => { clearTimeout(timer); timer = setTimeout(() => request.abort(), STALLED); };
    const broken = () => { clearTimeout(timer); reject(new Broken("")); };
    request.open(method, url);
    for (const [name, value] of Object.entries({ "Tus-Resumable": "1.0.0", "X-CSRFToken": form.elements.csrf_token.value, ...headers })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => { alive(); progress?.(loaded); });
    for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, broken);
    request.addEventListener("load", () => {
      clearTimeout(timer);
      if (request.status >= 500 || request.status === 429 || request.status === 408) return broken();
      if (request.status >= 200 && request.status < 300) return resolve(request);
      let message = "";
      try { message = JSON.parse(request.responseText).message; } catch { /* an error page: its own words are not for here */ }
      reject(new Refused(message, request.status));
    });
    began?.(request);
    alive();
    request.send(body);
  });
}

function where(answer) {
  const offset = answer.getResponseHeader("Upload-Offset");
  if (offset === null) throw new Refused(""); // a page: signed out meanwhile
  return Number(offset);
}

// What is remembered -----------------------------------------------------------------------------------------------------

function remembered(key, bytes) {
  const known = entry(key);
  return known && known.size === bytes ? known.url : "";
}

function entry(key) {
  try {
    const known = JSON.parse(localStorage.getItem(key) ?? "null");
    if (known && Date.now() - known.at < KEPT) return known;
  } catch { /* not ours */ }
  localStorage.removeItem(key);
  return null;
}

function unfinished(form, place, words) {
  const mine = `${KEY}${place.dataset.task}:${place.dataset.variable}:`;
  for (const key of Object.keys(localStorage).filter((each) => each.startsWith(mine))) {
    const known = entry(key);
    if (!known) continue;
    const row = element("div", "upload");
    row.dataset.unfinished = key;
    row.append(element("span", "upload-note", words.unfinished.replace("{name}", known.name)),
      button(words.cancel, () => { giveUp(form, key, known.url); row.remove(); }));
    place.querySelector(".file-state").append(row);
  }
}

function giveUp(form, key, url) {
  const known = url || entry(key)?.url;
  localStorage.removeItem(key);
  if (known) call(form, "DELETE", known, {}, null, null).catch(() => {}); // the server forgets it by itself within a day
}

// Small things ------------------------------------------------------------------------------------------------------------

function element(tag, className, text = "") { return Object.assign(document.createElement(tag), { className, textContent: text }); }

function button(text, act) {
  const made = Object.assign(element("button", "btn btn-quiet btn-small", text), { type: "button" });
  made.addEventListener("click", act);
  return made;
}

function base64(text) { return btoa(String.fromCharCode(...new TextEncoder().encode(text))); }

function size(bytes) {
  let value = bytes, unit = "B";
  for (const next of ["kB", "MB"]) if (value >= 1000) { value /= 1000; unit = next; }
  return `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: value < 10 && unit !== "B" ? 1 : 0 })} ${unit}`;
}
