// Shows a BPMN diagram read-only, with what happened on it:
//
//   <figure class="diagram" data-diagram="/…/xml" data-state="id-of-a-script"> … </figure>
//   <script type="application/json" id="…">{"open": {"periksa": 1}, "done": ["mulai"], "pairs": [["mulai", "tugaskan"]],
//                                           "incidents": ["publikasi"], "words": {…}}</script>
//
// Or data-open="periksa putuskan" alone. The picture scrolls like any page does (finger, wheel, keyboard), so that it
// never catches somebody who only wants to go past it.
import Viewer from "bpmn-js/lib/Viewer";
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "./_diagram.css";

const STEPS = [0.35, 0.5, 0.65, 0.8, 1, 1.25, 1.6, 2];
const COLOURS = {
  defaultFillColor: "var(--diagram-fill, #fff)",
  defaultStrokeColor: "var(--diagram-stroke, #22242a)",
  defaultLabelColor: "var(--diagram-label, #22242a)",
};

function state(figure) {
  const script = document.getElementById(figure.dataset.state);
  const given = script ? JSON.parse(script.textContent) : {};
  const open = given.open ?? Object.fromEntries((figure.dataset.open ?? "").split(/\s+/).filter(Boolean).map((id) => [id, 1]));
  return { done: [], pairs: [], incidents: [], words: {}, ...given, open };
}

// A sequence flow was taken when its target began in the same instant in which its source ended: the server sends
// those pairs. Into a join, that holds for the last token only, so there it is enough that both ends were passed.
function taken(flow, { done, open, pairs }) {
  const [from, to] = [flow.source?.id, flow.target?.id];
  const passed = (id) => done.includes(id) || id in open;
  return pairs.some(([a, b]) => a === from && b === to)
    || (flow.target.type === "bpmn:ParallelGateway" && flow.target.incoming.length > 1 && done.includes(from) && passed(to));
}

function token(count, word, kind) {
  const badge = document.createElement("span");
  badge.className = `diagram-token is-${kind}`;
  badge.textContent = kind === "incident" ? "!" : count > 1 ? String(count) : "";
  if (word) badge.title = word;
  return badge;
}

function mark(viewer, given) {
  const registry = viewer.get("elementRegistry");
  const canvas = viewer.get("canvas");
  const overlays = viewer.get("overlays");
  for (const element of registry.getAll()) {
    if (element.type === "bpmn:SequenceFlow" && taken(element, given)) canvas.addMarker(element, "is-done");
  }
  for (const id of given.done) if (registry.get(id)) canvas.addMarker(id, "is-done");
  for (const [id, count] of Object.entries(given.open)) {
    if (!registry.get(id)) continue;
    canvas.addMarker(id, "is-open");
    overlays.add(id, "token", { position: { top: -10, left: -10 }, html: token(count, given.words.open, "open") });
  }
  for (const id of given.incidents) {
    if (!registry.get(id)) continue;
    canvas.addMarker(id, "is-incident");
    overlays.add(id, "token", { position: { top: -10, right: 12 }, html: token(1, given.words.incident, "incident") });
  }
}

// Everything that is drawn, with a little air, in the diagram's own coordinates.
function bounds(viewer) {
  const { inner } = viewer.get("canvas").viewbox();
  return { x: inner.x - 24, y: inner.y - 24, width: inner.width + 48, height: inner.height + 48 };
}

function show(viewer, stage, box, scale) {
  stage.style.width = `${Math.ceil(box.width * scale)}px`;
  stage.style.height = `${Math.ceil(box.height * scale)}px`;
  const canvas = viewer.get("canvas");
  canvas.resized();
  canvas.viewbox(box);
}

function reveal(viewer, scroller, box, scale, id) {
  const shape = viewer.get("elementRegistry").get(id);
  if (!shape || !("x" in shape)) return;
  scroller.scrollLeft = (shape.x - box.x + shape.width / 2) * scale - scroller.clientWidth / 2;
  scroller.scrollTop = (shape.y - box.y + shape.height / 2) * scale - scroller.clientHeight / 2;
}

function dragToScroll(scroller) {
  let from = null;
  scroller.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, left: scroller.scrollLeft, top: scroller.scrollTop };
    scroller.setPointerCapture(event.pointerId);
  });
  scroller.addEventListener("pointermove", (event) => {
    if (!from) return;
    scroller.scrollLeft = from.left - (event.clientX - from.x);
    scroller.scrollTop = from.top - (event.clientY - from.y);
  });
  for (const end of ["pointerup", "pointercancel"]) scroller.addEventListener(end, () => { from = null; });
}

function buttons(figure, zoom) {
  for (const button of figure.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(button.dataset.zoom));
  }
}

export async function draw(figure) {
  if ("drawn" in figure.dataset) return; // by this page's script, or by app.js when it came into sight
  figure.dataset.drawn = "";
  const scroller = figure.querySelector(".diagram-scroll");
  const stage = figure.querySelector(".diagram-stage");
  const answer = await fetch(figure.dataset.diagram, { headers: { Accept: "application/xml" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const viewer = new Viewer({ container: stage, bpmnRenderer: COLOURS });
  await viewer.importXML(await answer.text());
  const given = state(figure);
  mark(viewer, given);
  const box = bounds(viewer);
  const focus = Object.keys(given.open)[0] ?? given.incidents[0] ?? given.done.at(-1);
  const fit = Math.min(1, scroller.clientWidth / box.width);
  let scale = Math.max(fit, 0.65); // smaller cannot be read; then it scrolls
  const render = () => {
    show(viewer, stage, box, scale);
    reveal(viewer, scroller, box, scale, focus);
  };
  buttons(figure, (wish) => {
    if (wish === "fit") scale = fit;
    if (wish === "in") scale = STEPS.find((step) => step > scale + 0.01) ?? scale;
    if (wish === "out") scale = STEPS.findLast((step) => step < scale - 0.01) ?? scale;
    render();
  });
  dragToScroll(scroller);
  figure.append(stage.querySelector(".bjs-powered-by")); // bpmn.io's licence wants its mark seen, wherever one scrolled to
  render();
  figure.dataset.ready = "";
}

for (const figure of document.querySelectorAll("figure[data-diagram]")) {
  draw(figure).catch((error) => {
    figure.dataset.failed = "";
    console.error("diagram", error);
  });
}
