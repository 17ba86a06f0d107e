// The studio's diagram page: a draft's diagram in the Camunda 7 modeler, with the office's own words in its panel.
import Modeler from "camunda-bpmn-js/lib/camunda-platform/Modeler";
import lintModule from "bpmn-js-bpmnlint";
import tokenSimulation from "bpmn-js-token-simulation";
import "camunda-bpmn-js/dist/assets/diagram-js.css";
import "camunda-bpmn-js/dist/assets/bpmn-js.css";
import "camunda-bpmn-js/dist/assets/diagram-js-minimap.css";
import "camunda-bpmn-js/dist/assets/properties-panel.css";
import "camunda-bpmn-js/dist/assets/color-picker.css";
import "camunda-bpmn-js/dist/assets/element-templates.css";
import "camunda-bpmn-js/dist/assets/popup-menu.css"; // one by one: the whole carries its font as a data: URL
import "camunda-bpmn-js/dist/assets/bpmn-font/css/bpmn.css";
import "bpmn-js-bpmnlint/dist/assets/css/bpmn-js-bpmnlint.css";
import "bpmn-js-token-simulation/assets/css/bpmn-js-token-simulation.css";
import "./_studio.css";
import indonesian, { simulation } from "./_studio-id.js";
import { panel } from "./_studio-panel.js";
import { begin, changed, failed, open, page, say, urls, words } from "./lib/studio.js";
import { localize } from "./lib/localize.js";

const isIndonesian = document.documentElement.lang === "id";
const untranslated = new Set(); // for the tests: what was said and has no Indonesian word

function translate(template, replacements = {}) {
  const known = indonesian[template];
  if (known === undefined) untranslated.add(template);
  return ((isIndonesian && known) || template).replace(/{([^}]+)}/g, (all, name) => replacements[name] ?? all);
}

// What Terbit does not run is not offered; the check would refuse it.
const NOT_RUN = /complex-gateway|ad-?hoc|compensation|instantiat/i;
function OnlyKnown(popupMenu) {
  const known = { getPopupMenuEntries: () => (entries) => Object.fromEntries(Object.entries(entries).filter(([id]) => !NOT_RUN.test(id))) };
  for (const menu of ["bpmn-replace", "bpmn-append", "bpmn-create"]) popupMenu.registerProvider(menu, 100, known);
}
OnlyKnown.$inject = ["popupMenu"];

let forms = [];
const modeler = new Modeler({
  container: page.querySelector("[data-canvas]"),
  propertiesPanel: { parent: page.querySelector("[data-properties]") },
  additionalModules: [{ translate: ["value", translate] }, lintModule, tokenSimulation,
    { __init__: ["onlyKnown"], onlyKnown: ["type", OnlyKnown] }, panel({ forms: () => forms, newForm: page.dataset.newForm })],
  disableAdjustOrigin: true, // an unchanged diagram is exported where it was
  linting: { active: true },
  minimap: { open: window.innerWidth > 900 },
});

const content = async () => (await modeler.saveXML({ format: true })).xml;

// Begin where the diagram begins, large enough to be read and clear of the palette; whoever wants the whole has a button.
function look() {
  const canvas = modeler.get("canvas");
  const { inner, outer } = canvas.viewbox();
  const scale = Math.min(1, Math.max(0.6, (outer.width - 200) / inner.width));
  canvas.viewbox({ x: inner.x - 140 / scale, y: inner.y - 40 / scale, width: outer.width / scale, height: outer.height / scale });
}

function select(id) {
  const element = modeler.get("elementRegistry").get(id) ?? modeler.get("elementRegistry").find((each) => each.businessObject?.processRef?.id === id);
  if (!element) return;
  modeler.get("canvas").scrollToElement(element);
  modeler.get("selection").select(element);
}

// Lint is bpmnlint's display with one rule, and that rule is what the server says of the whole draft.
let found = [];
modeler.get("linting").lint = async () => ({ terbit: found.map(({ element, message, severity }) => ({ id: element, message, category: severity === "error" ? "error" : "warn" })) });
function findings(list) {
  found = list.filter((each) => each.element && each.file === page.dataset.file);
  modeler.get("linting").update();
  const canvas = modeler.get("canvas");
  const registry = modeler.get("elementRegistry");
  for (const element of registry.getAll()) for (const kind of ["error", "warning"]) canvas.removeMarker(element, `has-${kind}`);
  for (const { element, severity } of found) if (registry.get(element)) canvas.addMarker(element, `has-${severity}`);
}

// Token simulation ----------------------------------------------------------------------------------------------------

const toggle = page.querySelector("[name=do][value=simulate]");
let simulating = false;
modeler.on("tokenSimulation.toggleMode", ({ active }) => {
  simulating = active;
  toggle.setAttribute("aria-pressed", String(active));
  page.toggleAttribute("data-simulating", active);
  if (active) say(words.simulating);
  else changed();
});

modeler.on("elementTemplates.errors", ({ errors }) => console.warn("templates", errors.map((error) => error.message)));

async function start() {
  const answer = await Promise.all([open(), fetch(urls.templates), fetch(urls.forms)]);
  modeler.get("elementTemplatesLoader").setTemplates(await answer[1].json());
  forms = await answer[2].json();
  const { warnings } = await modeler.importXML(answer[0]);
  if (warnings.length) console.info("modeler", warnings);
  look();
  await begin({
    content, select, findings,
    actions: {
      undo: () => modeler.get("commandStack").undo(),
      redo: () => modeler.get("commandStack").redo(),
      search: () => setTimeout(() => modeler.get("searchPad").open()), // after this click, which would close it
      fit: () => modeler.get("canvas").zoom("fit-viewport", "auto"),
      minimap: () => modeler.get("minimap").toggle(),
      panel: () => page.toggleAttribute("data-panel-closed"),
      simulate: () => modeler.get("toggleMode").toggleMode(!simulating),
    },
  });
  modeler.on("commandStack.changed", () => simulating || changed());
}

if (isIndonesian) localize(page.querySelector("[data-properties]"), indonesian, () => false); // its titles are not asked of `translate`
if (isIndonesian) localize(page.querySelector("[data-canvas]"), simulation, (element) => element?.closest("[class^=bts-], [class*=' bts-']"));
start().catch(failed);
Object.assign(window, { terbitModeler: modeler, terbitUntranslated: untranslated }); // for the browser's console, and for the tests
