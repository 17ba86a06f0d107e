// Heat on the diagram: the numbers of the table under it, on each step and each flow, with a colour as strong as the number is large.
// And what directly followed what: arcs as thick as they are frequent. The tables say it all; this draws it.
const SVG = "http://www.w3.org/2000/svg";

function heat() {
  const figures = [...document.querySelectorAll("[data-heat] [data-diagram]")];
  figures.forEach((figure, side) => {
    if (!figure.viewer || "heated" in figure.dataset) return;
    figure.dataset.heated = "";
    const registry = figure.viewer.get("elementRegistry");
    for (const row of document.querySelectorAll("[data-heat-row]")) {
      const shape = registry.get(row.dataset.heatRow);
      const cell = row.querySelectorAll("[data-level]")[side];
      const link = cell?.querySelector("a");
      if (!shape || !link) continue;
      figure.viewer.get("canvas").addMarker(shape, `heat-${cell.dataset.level}`);
      figure.viewer.get("overlays").add(shape, "heat", { position: place(shape), html: badge(link, cell.dataset.level, row.dataset.what) });
    }
  });
}

function badge(link, level, what) {
  const html = Object.assign(document.createElement("a"), { href: link.href, textContent: link.textContent, className: `heat-badge heat-badge-${level} is-${what}` });
  html.setAttribute("aria-label", link.getAttribute("aria-label"));
  html.tabIndex = -1; // the table has the same links, in order
  html.addEventListener("pointerdown", (event) => event.stopPropagation()); // else it drags the diagram
  return html;
}

// On a step: its lower edge; on a flow: the middle of its longest piece.
function place(shape) {
  if (!shape.waypoints) return { bottom: 8, left: 2 };
  const points = shape.waypoints;
  const length = (n) => Math.hypot(points[n + 1].x - points[n].x, points[n + 1].y - points[n].y);
  const longest = [...points.keys()].slice(0, -1).reduce((best, n) => (length(n) > length(best) ? n : best), 0);
  const left = Math.min(...points.map(({ x }) => x));
  const top = Math.min(...points.map(({ y }) => y));
  const [from, to] = [points[longest], points[longest + 1]];
  return { left: (from.x + to.x) / 2 - left - 10, top: (from.y + to.y) / 2 - top - 9 };
}

function follows() {
  const figure = document.querySelector("[data-follows] [data-diagram]");
  if (!figure?.viewer || "followed" in figure.dataset) return;
  figure.dataset.followed = "";
  const registry = figure.viewer.get("elementRegistry");
  const layer = figure.viewer.get("canvas").getLayer("follows", 10);
  for (const row of document.querySelectorAll("[data-from][data-to]")) {
    const [from, to] = [registry.get(row.dataset.from), registry.get(row.dataset.to)];
    if (from && to) layer.append(...arc(middle(from), middle(to), Number(row.dataset.share), row.querySelector("td:last-child").textContent.trim()));
  }
}

const middle = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });

function arc(from, to, share, text) {
  const bow = from.x === to.x && from.y === to.y ? 60 : 0.18;
  const control = bow === 60 ? { x: from.x + 60, y: from.y - 90 } : { x: (from.x + to.x) / 2 + (to.y - from.y) * bow, y: (from.y + to.y) / 2 - (to.x - from.x) * bow };
  const path = svg("path", { d: `M ${from.x} ${from.y} Q ${control.x} ${control.y} ${to.x} ${to.y}`, class: "follows-arc", "stroke-width": 1 + share * 7 });
  const t = 0.75; // the arrow's place on the curve: at its end it would lie under the name
  const on = (a, b, c) => (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c;
  const turn = Math.atan2((1 - t) * (control.y - from.y) + t * (to.y - control.y), (1 - t) * (control.x - from.x) + t * (to.x - control.x));
  const arrow = svg("path", { d: "M -5 -6 L 7 0 L -5 6 Z", class: "follows-arrow",
    transform: `translate(${on(from.x, control.x, to.x)} ${on(from.y, control.y, to.y)}) rotate(${(turn * 180) / Math.PI})` });
  const at = { x: (from.x + 2 * control.x + to.x) / 4, y: (from.y + 2 * control.y + to.y) / 4 };
  const label = svg("text", { x: at.x, y: at.y, class: "follows-number" });
  label.textContent = text;
  return [path, arrow, label];
}

function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function all() { heat(); follows(); }
document.addEventListener("diagram-drawn", all);
all(); // the diagram may have been drawn before this came
