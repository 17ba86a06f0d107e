// The process owner's modeler: the diagram of the newest version is opened, changed, checked by the server, and put in
// force as a new version. Nothing here decides what is right: the server's check does, and its findings are shown.
import Modeler from "camunda-bpmn-js/lib/camunda-platform/Modeler";
import "camunda-bpmn-js/dist/assets/diagram-js.css";
import "camunda-bpmn-js/dist/assets/bpmn-js.css";
import "camunda-bpmn-js/dist/assets/diagram-js-minimap.css";
import "camunda-bpmn-js/dist/assets/properties-panel.css";
import "camunda-bpmn-js/dist/assets/color-picker.css";
import "camunda-bpmn-js/dist/assets/element-templates.css";
import "camunda-bpmn-js/dist/assets/popup-menu.css"; // one by one: the whole carries its font as a data: URL
import "camunda-bpmn-js/dist/assets/bpmn-font/css/bpmn.css";
import "./_modeler.css";
import indonesian from "./_modeler-id.js";

const page = document.querySelector("[data-modeler]");
const words = JSON.parse(page.dataset.words);
const status = page.querySelector("[data-status]");
const findings = page.querySelector("[data-findings]");
const dialog = page.querySelector("[data-deploy-dialog]");

function translate(template, replacements = {}) {
  const text = document.documentElement.lang === "id" ? (indonesian[template] ?? template) : template;
  return text.replace(/{([^}]+)}/g, (all, name) => replacements[name] ?? all);
}

const modeler = new Modeler({
  container: page.querySelector("[data-canvas]"),
  propertiesPanel: { parent: page.querySelector("[data-properties]") },
  additionalModules: [{ translate: ["value", translate] }],
  disableAdjustOrigin: true, // an unchanged diagram is exported where it was
});

let unsaved = false;
let imported = 0; // the command stack's length does not tell: undoing all is no change

function say(text, kind = "") {
  status.textContent = text;
  status.dataset.kind = kind;
}

function changed() {
  unsaved = modeler.get("commandStack")._stackIdx !== imported;
  page.toggleAttribute("data-unsaved", unsaved);
  if (unsaved) say(words.unsaved);
}

// Begin where the diagram begins, large enough to be read and clear of the palette; whoever wants the whole has a button.
function look() {
  const canvas = modeler.get("canvas");
  const { inner, outer } = canvas.viewbox();
  const scale = Math.min(1, Math.max(0.6, (outer.width - 200) / inner.width));
  canvas.viewbox({ x: inner.x - 140 / scale, y: inner.y - 40 / scale, width: outer.width / scale, height: outer.height / scale });
}

async function open() {
  const answer = await fetch(page.dataset.xml, { headers: { Accept: "application/xml" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const { warnings } = await modeler.importXML(await answer.text());
  if (warnings.length) console.warn("modeler", warnings);
  imported = modeler.get("commandStack")._stackIdx;
  look();
  modeler.on("commandStack.changed", changed);
  page.setAttribute("data-ready", "");
}

// Findings ------------------------------------------------------------------------------------------------------------

function select(id) {
  const element = modeler.get("elementRegistry").get(id);
  if (!element) return;
  modeler.get("canvas").scrollToElement(element);
  modeler.get("selection").select(element);
}

function finding({ severity, element, line, file, message }) {
  const item = document.createElement("li");
  item.className = `finding is-${severity}`;
  const body = document.createElement(element ? "button" : "div");
  body.className = "finding-body";
  if (element) {
    body.type = "button";
    body.addEventListener("click", () => select(element));
  }
  const where = [element, file, line && `${words.line} ${line}`].filter(Boolean).join(" · ");
  const kind = Object.assign(document.createElement("span"), { className: "finding-kind", textContent: words[severity] });
  const text = Object.assign(document.createElement("span"), { className: "finding-text", textContent: message });
  const place = Object.assign(document.createElement("span"), { className: "finding-where", textContent: where });
  body.append(kind, text, place);
  item.append(body);
  return item;
}

function mark(list) {
  const canvas = modeler.get("canvas");
  const registry = modeler.get("elementRegistry");
  for (const element of registry.getAll()) {
    canvas.removeMarker(element, "has-error");
    canvas.removeMarker(element, "has-warning");
  }
  for (const { element, severity } of list) if (registry.get(element)) canvas.addMarker(element, `has-${severity}`);
}

function report(list) {
  findings.replaceChildren(...list.map(finding));
  findings.closest("[data-findings-box]").hidden = !list.length;
  mark(list);
  const errors = list.filter((each) => each.severity === "error").length;
  if (errors) say(words.errors.replace("{n}", errors), "error");
  else if (list.length) say(words.warnings.replace("{n}", list.length), "warning");
  else say(words.clean, "good");
}

// Check and put in force ----------------------------------------------------------------------------------------------

async function send(url, fields = {}) {
  const { xml } = await modeler.saveXML({ format: true });
  const body = new FormData();
  body.set("diagram", new Blob([xml], { type: "application/xml" }), page.dataset.file);
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const post = () => fetch(url, { method: "POST", body, headers: { Accept: "application/json", "X-CSRFToken": page.dataset.csrf } });
  let answer = await post();
  if (!isJson(answer) && (await freshToken())) answer = await post();
  return isJson(answer) ? { status: answer.status, ...(await answer.json()) } : { status: 0, message: words.signedOut };
}

const isJson = (answer) => answer.headers.get("content-type")?.includes("json");

// An answer that is a page is the sign-in page, or says that the token is an old one. Whoever has signed in again in another
// window goes on here with the new token; the diagram in this window is not lost.
async function freshToken() {
  const again = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  page.dataset.csrf = again.querySelector("[data-modeler]")?.dataset.csrf ?? "";
  return page.dataset.csrf !== "";
}

// One request at a time: a second Ctrl+S or double-click while one runs does nothing.
let busy = false;
async function alone(action) {
  if (busy) return;
  busy = true;
  page.setAttribute("aria-busy", "true");
  try {
    await action();
  } catch (error) {
    console.error("modeler", error);
    say(words.unreachable, "error");
  } finally {
    busy = false;
    page.removeAttribute("aria-busy");
  }
}

function refuse(answer) {
  if (answer.findings) report(answer.findings);
  if (answer.message) say(answer.message, "error");
  else if (!answer.findings) say(words.refused.replace("{n}", answer.status), "error");
}

const check = () => alone(async () => {
  say(words.checking);
  const answer = await send(page.dataset.check);
  if (answer.status === 200) report(answer.findings);
  else refuse(answer);
});

const deploy = (name) => alone(async () => {
  say(words.deploying);
  const answer = await send(page.dataset.deploy, { name, base: page.dataset.base });
  if (answer.status === 201) {
    unsaved = false;
    location.assign(answer.location);
  } else refuse(answer);
});

async function save() {
  const { xml } = await modeler.saveXML({ format: true });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([xml], { type: "application/xml" })), download: page.dataset.file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const actions = {
  check, save,
  deploy: () => dialog.showModal(),
  cancel: () => dialog.close(),
  undo: () => modeler.get("commandStack").undo(),
  redo: () => modeler.get("commandStack").redo(),
  fit: () => modeler.get("canvas").zoom("fit-viewport", "auto"),
  panel: () => page.toggleAttribute("data-panel-closed"),
};
for (const button of page.querySelectorAll("button[name=do]")) button.addEventListener("click", actions[button.value]);
dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close();
  deploy(event.target.elements.name.value.trim());
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    check();
  }
});
window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

open().catch((error) => {
  console.error("modeler", error);
  say(words.broken, "error");
});
window.terbitModeler = modeler; // for the browser's console, and for the tests that rename a task as a script would
