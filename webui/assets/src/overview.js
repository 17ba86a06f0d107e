// The overview: the numbers of the table under the diagram also stand on the diagram, and follow when the table is put anew.
const PLACES = { running: { top: -12, left: -12 }, incidents: { top: -12, right: 14 }, overdue: { bottom: 12, left: -12 } };
const figure = document.querySelector("#diagram [data-diagram]");

function put() {
  const overlays = figure?.viewer?.get("overlays");
  if (!overlays) return;
  const registry = figure.viewer.get("elementRegistry");
  overlays.remove({ type: "standing" });
  for (const link of document.querySelectorAll("#standing [data-kind]")) {
    const id = link.closest("[data-place]").dataset.place;
    if (!registry.get(id)) continue; // in a subprocess that is drawn elsewhere
    const badge = Object.assign(document.createElement("a"), { href: link.href, title: link.title, textContent: link.textContent });
    badge.className = `standing-badge is-${link.dataset.kind}`;
    badge.setAttribute("aria-label", link.title);
    badge.addEventListener("pointerdown", (event) => event.stopPropagation()); // else it drags the diagram
    overlays.add(id, "standing", { position: PLACES[link.dataset.kind], html: badge });
  }
}

document.addEventListener("diagram-drawn", put);
document.addEventListener("htmx:oobAfterSwap", put);
put(); // the diagram may have been drawn before this came

// What somebody has opened stays open.
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  if (target.id === "live") target.dataset.open = [...target.querySelectorAll("details[open][id]")].map(({ id }) => id).join(" ");
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  for (const id of (target.dataset?.open ?? "").split(" ")) if (id) document.getElementById(id)?.setAttribute("open", "");
});
