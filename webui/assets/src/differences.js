// Two versions on two diagrams: what the server found is marked on each, both move together, and a sentence shows its element in both.
const root = document.querySelector("[data-diff]");
const figures = () => [...(root?.querySelectorAll("[data-diagram]") ?? [])];
const signs = JSON.parse(root?.dataset.signs ?? "{}");
const AT = "diff-at";
let wanted = []; // the ids that were asked for, also of a diagram that is not drawn yet

function drawn(figure) {
  const marks = JSON.parse(figure.closest("[data-marks]").dataset.marks);
  const [canvas, registry, overlays] = ["canvas", "elementRegistry", "overlays"].map((name) => figure.viewer.get(name));
  for (const [id, kind] of Object.entries(marks)) {
    const element = registry.get(id);
    if (!element) continue;
    canvas.addMarker(id, `diff-${kind}`);
    if (kind === "layout") continue;
    const html = Object.assign(document.createElement("span"), { className: `diff-sign diff-sign-${kind}`, textContent: signs[kind] });
    overlays.add(id, "diff", { position: element.waypoints ? middle(element) : { top: -11, left: -11 }, html });
  }
  figure.querySelector(".diagram-scroll").addEventListener("scroll", ({ target }) => together(figure, target));
  if (!centre(figure)) look(figure, JSON.parse(document.querySelector("button[data-elements]")?.dataset.elements ?? "[]"));
}

function middle({ waypoints }) {
  const [a, b] = [waypoints[Math.ceil(waypoints.length / 2) - 1], waypoints[Math.ceil(waypoints.length / 2)]];
  const [left, top] = ["x", "y"].map((axis) => Math.min(...waypoints.map((point) => point[axis])));
  return { left: (a.x + b.x) / 2 - left - 11, top: (a.y + b.y) / 2 - top - 11 };
}

// Moving together: where one is scrolled to by hand, the other follows, in the diagrams' own coordinates.
const follows = new WeakMap(); // scroller -> where it was put, so that its own event moves nothing

function put(scroller, left, top) {
  scroller.scrollTo({ left, top, behavior: "instant" });
  follows.set(scroller, `${scroller.scrollLeft} ${scroller.scrollTop}`);
}

function together(figure, scroller) {
  if (follows.get(scroller) === `${scroller.scrollLeft} ${scroller.scrollTop}`) return;
  follows.delete(scroller);
  const here = figure.viewer.get("canvas").viewbox();
  for (const other of figures()) {
    if (other === figure || !other.viewer) continue;
    const there = other.viewer.get("canvas").viewbox();
    put(other.querySelector(".diagram-scroll"), (here.x + scroller.scrollLeft / here.scale - there.x) * there.scale,
      (here.y + scroller.scrollTop / here.scale - there.y) * there.scale);
  }
}

function zoomTogether(event) {
  const button = event.target.closest?.(".diagram-tools button");
  if (!button || !event.isTrusted) return;
  const at = [...button.parentElement.children].indexOf(button);
  for (const figure of figures()) if (!figure.contains(button)) figure.querySelectorAll(".diagram-tools button")[at]?.click();
}

// A sentence's elements, in the middle of each diagram that has them.
function centre(figure) {
  const [canvas, registry] = ["canvas", "elementRegistry"].map((name) => figure.viewer.get(name));
  for (const each of registry.filter((element) => canvas.hasMarker(element, AT))) canvas.removeMarker(each, AT);
  for (const id of wanted) if (registry.get(id)) canvas.addMarker(id, AT);
  return look(figure, wanted);
}

function look(figure, ids) {
  const [canvas, registry] = ["canvas", "elementRegistry"].map((name) => figure.viewer.get(name));
  const first = ids.map((id) => registry.get(id)).find(Boolean);
  if (!first) return false;
  const box = canvas.getAbsoluteBBox(first);
  const scroller = figure.querySelector(".diagram-scroll");
  put(scroller, box.x + box.width / 2 - scroller.clientWidth / 2, box.y + box.height / 2 - scroller.clientHeight / 2);
  return true;
}

function show(item) {
  wanted = JSON.parse(item.dataset.elements);
  for (const each of document.querySelectorAll(".diff-item[aria-pressed]")) each.removeAttribute("aria-pressed");
  item.setAttribute("aria-pressed", "true");
  const ready = figures().filter((figure) => figure.viewer);
  const having = ready.filter(centre);
  (having.at(-1) ?? figures().at(-1))?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  zoomTogether(event);
  const item = event.target.closest?.("button[data-elements]");
  if (item) show(item);
});
document.addEventListener("diagram-drawn", ({ target }) => { if (root?.contains(target)) drawn(target); });
for (const figure of figures()) if (figure.viewer) drawn(figure);
