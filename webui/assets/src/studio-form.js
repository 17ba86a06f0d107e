// The studio's form page: a draft's form in form-js' editor, and beside it what the server makes of it.
import { FormEditor } from "@bpmn-io/form-js-editor";
import "@bpmn-io/form-js/dist/assets/form-js.css";
import "@bpmn-io/form-js/dist/assets/form-js-editor.css";
import "@bpmn-io/form-js/dist/assets/properties-panel.css";
import "./_studio.css";
import indonesian from "./_studio-form-id.js";
import { begin, changed, failed, open, page, post, urls } from "./lib/studio.js";
import { localize } from "./lib/localize.js";

// What `bpmn.forms` reads; anything else would be refused when the form is deployed, so it is not offered.
const KNOWN = new Set(["default", "textfield", "textarea", "number", "datetime", "checkbox", "checklist", "taglist", "select", "radio", "filepicker", "text",
  "separator", "spacer", "group", "button"]);
const PREVIEW_AFTER = 600; // milliseconds without a change

const frame = page.querySelector("[data-frame]");
const every = page.querySelector("[data-every]");

function OnlyKnown(formFields) {
  for (const type of Object.keys(formFields._formFields)) if (!KNOWN.has(type)) delete formFields._formFields[type];
}
OnlyKnown.$inject = ["formFields"];

const editor = new FormEditor({
  container: page.querySelector("[data-canvas]"),
  palette: { parent: page.querySelector("[data-palette]") },
  propertiesPanel: { parent: page.querySelector("[data-properties]") },
  additionalModules: [{ __init__: ["onlyKnown"], onlyKnown: ["type", OnlyKnown] }],
});

const content = async () => `${JSON.stringify(editor.saveSchema(), null, 2)}\n`;

let timer = 0;
let previews = 0;
async function preview() {
  const number = ++previews;
  const answer = await post(urls.preview, { content: await content(), all: every.checked ? "1" : "" }).catch(() => null);
  if (number !== previews || !answer || !(answer.ok || answer.status === 422)) return;
  frame.srcdoc = await answer.text();
  frame.dataset.shown = number;
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(preview, PREVIEW_AFTER);
}

// A frame without scripts cannot say how high it is; it is of this origin, so it can be asked.
frame.addEventListener("load", () => {
  const height = frame.contentDocument?.documentElement.scrollHeight;
  if (height) frame.height = String(Math.min(Math.max(height + 8, 160), 1600));
});
every.addEventListener("change", preview);
for (const button of page.querySelectorAll("[data-width]")) {
  button.addEventListener("click", () => {
    for (const each of page.querySelectorAll("[data-width]")) each.setAttribute("aria-pressed", String(each === button));
    frame.classList.toggle("is-phone", button.dataset.width === "phone");
    preview();
  });
}

async function start() {
  await editor.importSchema(JSON.parse(await open()));
  await begin({
    content, mime: "application/json",
    actions: { undo: () => editor.get("commandStack").undo(), redo: () => editor.get("commandStack").redo() },
  });
  editor.on("commandStack.changed", () => { changed(); soon(); });
  preview();
}

// In the canvas and in some places of the panel stands what a person wrote.
const OWN_WORDS = ".fjs-empty-editor, .fjs-empty-component, .fjs-children-empty";
const WRITTEN = ".bio-properties-panel-header-label, .bio-properties-panel-collapsible-entry-header-title";
if (document.documentElement.lang === "id") {
  localize(page.querySelector("[data-palette]"), indonesian);
  localize(page.querySelector("[data-canvas]"), indonesian, (element) => element?.closest(OWN_WORDS));
  localize(page.querySelector("[data-properties]"), indonesian, (element) => !element?.closest(WRITTEN));
}
start().catch(failed);
window.terbitForm = editor; // for the browser's console, and for the tests
