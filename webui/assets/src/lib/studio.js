// What the studio's editors share: a file of a draft is opened, saved by itself, checked by the server, put in force.
// Nothing here decides what is right: the server's check does. Nothing is overwritten: a save names the version that this page
// knows, and where somebody else was faster, both stay until a person chooses.
const SAVE_AFTER = 1200; // milliseconds without a change
const CHECK_AFTER = 500;
const AGAIN_AFTER = 5000; // after the server was out of reach
const MOST_KEPT_ALIVE = 20_000; // characters; browsers let no more than 64 kB outlive a page

export const page = document.querySelector("[data-studio]");
export const words = JSON.parse(page.dataset.words);
export const urls = JSON.parse(page.dataset.urls);
export const groups = JSON.parse(page.dataset.groups);
const state = page.querySelector("[data-state]");
const conflict = page.querySelector("[data-conflict]");
const dialog = page.querySelector("[data-deploy-dialog]");
const list = page.querySelector("[data-findings]");
const verdict = page.querySelector("[data-verdict]");
const others = page.querySelector("[data-others]");

let version = 0;
let current; // () => Promise<string>: the file as the editor holds it
let type = "application/xml";
let saved = ""; // the content that the server has
let onFindings = () => {};
let onSelect = () => {};

export function say(text, kind = "") {
  state.textContent = text;
  state.dataset.kind = kind;
}

// Requests ------------------------------------------------------------------------------------------------------------

const isJson = (answer) => answer.headers.get("content-type")?.includes("json");

// An answer that is a page is the sign-in page, or says that the token is an old one. Whoever has signed in again in another
// window goes on here with the new token.
async function freshToken() {
  const again = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  page.dataset.csrf = again.querySelector("[data-studio]")?.dataset.csrf ?? "";
  return page.dataset.csrf !== "";
}

export async function post(url, fields, options = {}) {
  const body = new FormData();
  body.set("draft", page.dataset.draft);
  for (const [name, value] of Object.entries(fields)) {
    if (name === "content") body.set(name, new Blob([value], { type }), page.dataset.file);
    else body.set(name, value);
  }
  return fetch(url, { method: "POST", body, headers: { Accept: "application/json", "X-CSRFToken": page.dataset.csrf }, ...options });
}

async function ask(url, fields, options) {
  let answer = await post(url, fields, options);
  if (!isJson(answer) && (await freshToken())) answer = await post(url, fields, options);
  return isJson(answer) ? { status: answer.status, ...(await answer.json()) } : { status: 0, message: words.signedOut };
}

// Saving --------------------------------------------------------------------------------------------------------------

let saveTimer = 0;
let checkTimer = 0;
let saving = null; // the save under way: one at a time
let stopped = false; // a conflict waits for a person

export function changed() {
  page.setAttribute("data-unsaved", "");
  clearTimeout(saveTimer);
  clearTimeout(checkTimer);
  checkTimer = setTimeout(check, CHECK_AFTER);
  if (stopped) return;
  say(words.unsaved);
  saveTimer = setTimeout(save, SAVE_AFTER);
}

// Returns whether the server has what the editor holds. `leaving`: the page may be closed before the answer comes.
export function save(leaving = false) {
  clearTimeout(saveTimer);
  saving = (saving ?? Promise.resolve()).then(() => saveNow(leaving === true));
  return saving;
}

async function saveNow(leaving) {
  if (stopped) return false;
  let content;
  try {
    content = await current();
    if (content === saved) return settle();
    say(words.saving);
    const answer = await ask(urls.save, { content, version }, { keepalive: leaving && content.length < MOST_KEPT_ALIVE });
    if (answer.status === 200) {
      ({ version } = answer);
      saved = content;
      say(`${words.saved} ${answer.at}`, "good");
      return settle(true);
    }
    if (answer.conflict) show(answer.conflict);
    else say(answer.message ?? words.refused.replace("{n}", answer.status), "error");
  } catch (error) {
    console.info("studio", error);
    say(words.unreachable, "error");
    saveTimer = setTimeout(save, AGAIN_AFTER);
  }
  return false;
}

// Whether something changed while the save was under way is seen by comparing once more.
async function settle(spoken = false) {
  if ((await current()) !== saved) {
    saveTimer = setTimeout(save, SAVE_AFTER);
    return false;
  }
  page.removeAttribute("data-unsaved");
  if (!spoken) say(words.opened, "good");
  return true;
}

function show(by) {
  stopped = true;
  page.setAttribute("data-conflicted", "");
  const text = by.name ? (by.mine ? words.mine : words.conflict) : words.removed;
  conflict.querySelector("[data-conflict-text]").textContent = text.replace("{person}", by.person).replace("{at}", by.at);
  conflict.querySelector("[value=theirs]").hidden = !by.name;
  conflict.hidden = false;
  say(words.unsaved, "error");
  conflict.focus();
}

async function reload() {
  page.removeAttribute("data-unsaved");
  location.reload();
}

async function copy() {
  const answer = await ask(urls.copy, { content: await current() });
  if (answer.status !== 201) return say(answer.message ?? words.refused.replace("{n}", answer.status), "error");
  page.removeAttribute("data-unsaved");
  location.assign(answer.location);
}

// Checking ------------------------------------------------------------------------------------------------------------

let checks = 0;

export async function check() {
  const number = ++checks;
  try {
    const answer = await ask(urls.check, { content: await current(), name: page.dataset.file });
    if (number !== checks) return;
    if (answer.findings) report(answer.findings);
    else verdict.textContent = answer.message;
    if (answer.files) tell(answer.files);
  } catch (error) {
    console.info("studio", error);
  }
}

// What colleagues saved in the draft's other files since this page last said so. Returns whether there was any.
let told = null;
function tell(files) {
  const names = [...new Set([...Object.keys(files), ...Object.keys(told ?? {})])].filter((name) => name !== page.dataset.file);
  const news = told ? names.filter((name) => files[name]?.version !== told[name]?.version) : [];
  told = files;
  if (!news.length) return false;
  const said = news.map((name) => `${name} (${files[name] ? `${files[name].person}, ${files[name].at}` : words.gone})`);
  others.textContent = words.others.replace("{files}", said.join("; "));
  others.hidden = false;
  return true;
}

function finding({ severity, element, line, file, message, why, mend }) {
  const item = document.createElement("li");
  item.className = `finding is-${severity}`;
  const here = element && file === page.dataset.file;
  const body = document.createElement(here ? "button" : "div");
  body.className = "finding-body";
  if (here) {
    body.type = "button";
    body.addEventListener("click", () => onSelect(element));
  }
  const where = [element, file, line && `${words.line} ${line}`].filter(Boolean).join(" · ");
  const part = (name, textContent) => Object.assign(document.createElement("span"), { className: `finding-${name}`, textContent });
  const text = part("text", message);
  if (why || mend) text.append(Object.assign(document.createElement("small"), { textContent: [why, mend].filter(Boolean).join(" ") }));
  body.append(part("kind", words[severity]), text, part("where", where));
  item.append(body);
  return item;
}

function report(findings) {
  list.replaceChildren(...findings.map(finding));
  list.hidden = !findings.length;
  const errors = findings.filter((each) => each.severity === "error").length;
  const text = errors ? words.errors.replace("{n}", errors) : findings.length ? words.warnings.replace("{n}", findings.length) : words.clean;
  verdict.textContent = text;
  verdict.dataset.kind = errors ? "error" : findings.length ? "warning" : "good";
  page.dataset.checked = checks;
  onFindings(findings);
}

// Putting in force ----------------------------------------------------------------------------------------------------

let busy = false;

async function deploy(how) {
  if (busy) return;
  busy = true;
  page.setAttribute("aria-busy", "true");
  try {
    if (!(await save())) return;
    say(words.deploying);
    const seen = await ask(urls.check, {}); // the draft as the server has it, not as this editor would write it
    if (seen.findings) report(seen.findings);
    if (!seen.state) return say(seen.message ?? words.unreachable, "error");
    const own = seen.files[page.dataset.file];
    if (own?.version !== version) return show(own ?? {});
    if (tell(seen.files)) return say(words.lookFirst, "error");
    const answer = await ask(urls.force, { ...how, state: seen.state });
    if (answer.status === 201) return location.assign(answer.location);
    if (answer.failing) askAgain(answer.failing);
    if (answer.essential) askWhatBecomes(answer.essential);
    say(answer.message ?? words.refused.replace("{n}", answer.status), "error");
  } catch (error) {
    console.info("studio", error);
    say(words.unreachable, "error");
  } finally {
    busy = false;
    page.removeAttribute("aria-busy");
  }
}

// Scenarios that go another way are put in force only by who has seen them.
function askAgain(failing) {
  dialog.querySelector("[data-failing]").hidden = false;
  dialog.querySelector("[data-failing-names]").replaceChildren(...failing.map(({ name }) => Object.assign(document.createElement("li"), { textContent: name })));
  dialog.showModal();
}

// Another scope or person in charge voids the SOP: whoever puts it in force says whether it does here.
function askWhatBecomes(changes) {
  dialog.querySelector("[data-essential]").hidden = false;
  dialog.querySelector("[data-essential-changes]").replaceChildren(...changes.map(({ what, before, after }) => Object.assign(document.createElement("li"), { textContent: `${what}: ${before} → ${after}` })));
  dialog.querySelector("[name=essential]").required = true;
  dialog.showModal();
}

// Beginning -----------------------------------------------------------------------------------------------------------

export async function open() {
  const answer = await fetch(urls.content, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  version = Number(answer.headers.get("X-Version"));
  return answer.text();
}

// To be called when the file stands in the editor. `content`: the file as the editor holds it; what it says now counts as saved.
export async function begin({ content, mime = "application/xml", select = () => {}, findings = () => {}, actions = {} }) {
  [current, type, onSelect, onFindings] = [content, mime, select, findings];
  saved = await current();
  const all = {
    deploy: () => dialog.showModal(), cancel: () => dialog.close(), theirs: reload, copy,
    async save() {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([await current()], { type })), download: page.dataset.file });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
    ...actions,
  };
  for (const button of page.querySelectorAll("button[name=do]")) button.addEventListener("click", () => all[button.value](button));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    deploy(Object.fromEntries(new FormData(event.target)));
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      save();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && page.hasAttribute("data-unsaved")) save(true);
  });
  window.addEventListener("online", () => page.hasAttribute("data-unsaved") && save());
  window.addEventListener("beforeunload", (event) => {
    if (page.hasAttribute("data-unsaved")) event.preventDefault();
  });
  say(words.opened);
  await check();
  page.setAttribute("data-ready", "");
}

export function failed(error) {
  console.error("studio", error);
  say(words.broken, "error");
}
