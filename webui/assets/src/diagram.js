// A diagram to look at: where the tokens are, which way they came, what is stuck. Filled by lib/diagrams.js.
//
// The picture scrolls as any page does (finger, wheel, keys), so that it never catches somebody who only wants past it.
import Viewer from "bpmn-js/lib/Viewer";

const SCALES = [0.35, 0.5, 0.65, 0.8, 1, 1.25, 1.6, 2];
const READABLE = 0.65; // smaller than this, names cannot be read: then it scrolls
const COLOURS = { defaultFillColor: "var(--diagram-fill)", defaultStrokeColor: "var(--diagram-ink)", defaultLabelColor: "var(--diagram-ink)" };

export async function draw(target) {
  const response = await fetch(target.dataset.diagram, { headers: { Accept: "application/xml" } });
  if (!response.ok) throw new Error(`diagram: ${response.status}`);
  const xml = await response.text();
  const given = Object.fromEntries(["tokens", "done", "pairs", "incidents"].map((name) => [name, JSON.parse(target.dataset[name] || "[]")]));
  const words = JSON.parse(target.dataset.words || "{}");
  const stage = make("div", "diagram-stage");
  const scroller = make("div", "diagram-scroll", { tabIndex: 0 });
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", target.getAttribute("aria-label") ?? "");
  scroller.append(stage);
  target.replaceChildren(scroller);
  const viewer = new Viewer({ container: stage, bpmnRenderer: COLOURS });
  await viewer.importXML(xml);
  mark(viewer, given, words);
  target.append(stage.querySelector(".bjs-powered-by")); // bpmn.io's licence wants its mark seen, wherever one has scrolled to
  zooming(target, scroller, stage, viewer, words, focus(given));
  dragging(scroller);
  target.viewer = viewer;
  target.dataset.ready = "";
  target.dispatchEvent(new Event("diagram-drawn", { bubbles: true }));
}

function make(tag, className, rest = {}) {
  return Object.assign(document.createElement(tag), { className, ...rest });
}

function focus({ tokens, incidents, done }) {
  return incidents[0] ?? tokens.at(-1)?.activity_id ?? done.at(-1);
}

// Marks ---------------------------------------------------------------------------------------------------------------

// A flow was taken when its target began in the instant in which its source ended: the server sends those pairs.
// Into a join that holds for the last token only; there it is enough that both ends were passed.
function taken(flow, { done, pairs }) {
  const [from, to] = [flow.source?.id, flow.target?.id];
  const isJoin = flow.target?.type === "bpmn:ParallelGateway" && flow.target.incoming.length > 1;
  return pairs.some(([a, b]) => a === from && b === to) || (isJoin && done.includes(from) && done.includes(to));
}

function mark(viewer, given, words) {
  const registry = viewer.get("elementRegistry");
  const add = (id, marker) => registry.get(id) && viewer.get("canvas").addMarker(id, marker);
  for (const flow of registry.filter(({ type }) => type === "bpmn:SequenceFlow")) if (taken(flow, given)) add(flow.id, "terbit-done");
  for (const id of given.done) add(id, "terbit-done");
  for (const { activity_id: id, count } of given.tokens) {
    add(id, "terbit-here");
    badge(viewer, id, "terbit-token", count > 1 ? `${count}` : "", words.here, { top: -11, left: -11 });
  }
  for (const id of given.incidents) {
    add(id, "terbit-stuck");
    badge(viewer, id, "terbit-token terbit-token-stuck", "!", words.stuck, { top: -11, right: 11 });
  }
}

function badge(viewer, id, className, textContent, title, position) {
  if (viewer.get("elementRegistry").get(id)) viewer.get("overlays").add(id, { position, html: make("div", className, { textContent, title: title ?? "" }) });
}

// Size and place ------------------------------------------------------------------------------------------------------

function zooming(target, scroller, stage, viewer, words, id) {
  const { inner } = viewer.get("canvas").viewbox();
  const box = { x: inner.x - 20, y: inner.y - 20, width: inner.width + 40, height: inner.height + 40 };
  const fit = () => Math.min(1, scroller.clientWidth / box.width);
  let scale = Math.max(fit(), READABLE);
  const show = (shape) => {
    stage.style.width = `${Math.ceil(box.width * scale)}px`;
    stage.style.height = `${Math.ceil(box.height * scale)}px`;
    viewer.get("canvas").resized();
    viewer.get("canvas").viewbox(box);
    if (!shape) return;
    scroller.scrollLeft = (shape.x + shape.width / 2 - box.x) * scale - scroller.clientWidth / 2;
    scroller.scrollTop = (shape.y + shape.height / 2 - box.y) * scale - scroller.clientHeight / 2;
  };
  const steps = { out: () => SCALES.findLast((s) => s < scale - 0.01), in: () => SCALES.find((s) => s > scale + 0.01), fit };
  const tools = make("div", "diagram-tools");
  for (const [name, sign] of [["out", "−"], ["in", "+"], ["fit", "⤢"]]) {
    const button = make("button", "btn btn-secondary btn-square", { type: "button", textContent: sign, title: words[name] ?? "" });
    button.setAttribute("aria-label", words[name] ?? name);
    button.addEventListener("click", () => { scale = steps[name]() ?? scale; show(viewer.get("elementRegistry").get(id)); });
    tools.append(button);
  }
  target.prepend(tools);
  show(viewer.get("elementRegistry").get(id));
}

function dragging(scroller) {
  let from = null;
  scroller.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return; // a finger scrolls by itself
    from = { x: event.clientX + scroller.scrollLeft, y: event.clientY + scroller.scrollTop };
    scroller.setPointerCapture(event.pointerId);
  });
  scroller.addEventListener("pointermove", (event) => { if (from) scroller.scrollTo(from.x - event.clientX, from.y - event.clientY); });
  for (const name of ["pointerup", "pointercancel"]) scroller.addEventListener(name, () => { from = null; });
}
