// A plan for running cases on both diagrams: what becomes what carries the same number in the same colour on each.
// The table of the plan says it all; this draws it, again whenever the table was changed.
const figures = () => [...document.querySelectorAll("[data-migrate] [data-diagram]")];
const rows = () => [...document.querySelectorAll("[data-migrate-row]")];
const KIND = "migrate-mark";

function draw() {
  const [source, target] = figures();
  for (const [figure, side] of [[source, "source"], [target, "target"]]) {
    if (!figure?.viewer) continue;
    const overlays = figure.viewer.get("overlays");
    overlays.remove({ type: KIND });
    const marks = new Map(); // element -> its rows: several may become one
    for (const { dataset } of rows()) if (dataset[side]) marks.set(dataset[side], [...(marks.get(dataset[side]) ?? []), dataset]);
    for (const [id, found] of marks) {
      const html = document.createElement("div");
      html.className = "migrate-marks";
      for (const { number, colour, target: to } of found) html.append(mark(number, to ? `migrate-${colour}` : "migrate-none"));
      if (figure.viewer.get("elementRegistry").get(id)) overlays.add(id, KIND, { position: { top: -12, left: -12 }, html });
    }
  }
}

function mark(number, className) {
  return Object.assign(document.createElement("span"), { className: `migrate-mark ${className}`, textContent: number });
}

// The row that one is at is shown in both diagrams.
function show(row) {
  for (const [figure, side] of figures().map((figure, n) => [figure, ["source", "target"][n]])) {
    if (!figure.viewer) continue;
    const canvas = figure.viewer.get("canvas");
    const registry = figure.viewer.get("elementRegistry");
    for (const shape of registry.filter((each) => canvas.hasMarker(each, "migrate-at"))) canvas.removeMarker(shape, "migrate-at");
    const shape = row && registry.get(row.dataset[side]);
    if (!shape) continue;
    canvas.addMarker(shape, "migrate-at");
    const scroller = figure.querySelector(".diagram-scroll");
    const box = canvas.getAbsoluteBBox(shape);
    scroller.scrollTo({ left: box.x + box.width / 2 - scroller.clientWidth / 2, top: box.y + box.height / 2 - scroller.clientHeight / 2 });
  }
}

const rowOf = (event) => event.target.closest?.("[data-migrate-row]");
document.addEventListener("diagram-drawn", draw);
document.addEventListener("htmx:afterSettle", draw);
document.addEventListener("focusin", (event) => { const row = rowOf(event); if (row) show(row); });
document.addEventListener("pointerover", (event) => { const row = rowOf(event); if (row && event.pointerType === "mouse") show(row); });
draw();
