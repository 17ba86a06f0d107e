// The studio's page of decision tables: a draft's .dmn file in dmn-js.
import Modeler from "dmn-js/lib/Modeler";
import "dmn-js/dist/assets/diagram-js.css";
import "dmn-js/dist/assets/dmn-js-shared.css";
import "dmn-js/dist/assets/dmn-js-drd.css";
import "dmn-js/dist/assets/dmn-js-decision-table.css";
import "dmn-js/dist/assets/dmn-js-decision-table-controls.css";
import "dmn-js/dist/assets/dmn-js-literal-expression.css";
import "dmn-js/dist/assets/dmn-js-boxed-expression.css";
import "dmn-js/dist/assets/dmn-js-boxed-expression-controls.css";
import "dmn-js/dist/assets/dmn-font/css/dmn.css";
import "./_studio.css";
import indonesian from "./_studio-dmn-id.js";
import { begin, changed, failed, open, page, words } from "./lib/studio.js";
import { localize } from "./lib/localize.js";

const isIndonesian = document.documentElement.lang === "id";
const translate = (template, replacements = {}) =>
  ((isIndonesian && indonesian[template]) || template).replace(/{([^}]+)}/g, (all, name) => replacements[name] ?? all);
const said = { additionalModules: [{ translate: ["value", translate] }] };
const views = page.querySelector("[data-views]");
const editor = new Modeler({ container: page.querySelector("[data-canvas]"), drd: said, decisionTable: said, literalExpression: said, boxedExpression: said });

const content = async () => (await editor.saveXML({ format: true })).xml;

function menu() {
  const active = editor.getActiveView();
  views.replaceChildren(...editor.getViews().map((view) => {
    const name = view.type === "drd" ? words.requirements : view.element.name || view.element.id || words.untitled;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet", textContent: name });
    button.setAttribute("aria-pressed", String(view.id === active?.id));
    button.addEventListener("click", () => editor.open(view));
    return button;
  }));
}

// Each view has its own stack of commands.
const watched = new WeakSet();
function watch() {
  menu();
  const viewer = editor.getActiveViewer();
  if (!viewer || watched.has(viewer)) return;
  watched.add(viewer);
  viewer.on("commandStack.changed", () => { changed(); menu(); });
}

async function start() {
  await editor.importXML(await open());
  const table = editor.getViews().find((view) => view.type === "decisionTable");
  if (table) await editor.open(table);
  editor.on("views.changed", watch);
  watch();
  const stack = () => editor.getActiveViewer().get("commandStack");
  await begin({ content, actions: { undo: () => stack().undo(), redo: () => stack().redo() } });
}

if (isIndonesian) localize(page.querySelector("[data-canvas]"), indonesian, () => false); // titles that are not asked of `translate`
start().catch(failed);
window.terbitDecision = editor; // for the browser's console, and for the tests
