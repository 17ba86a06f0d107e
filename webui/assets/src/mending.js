// A step clicked in the diagram is chosen in the list, which the keyboard has as well; and what is chosen is marked there.
const MARK = "mend-chosen";

const list = document.querySelector("[data-mend-element]"); // not there on a past moment's page

function drawn(target) {
  const canvas = target.viewer.get("canvas");
  const registry = target.viewer.get("elementRegistry");
  const show = () => {
    for (const shape of registry.filter((each) => canvas.hasMarker(each, MARK))) canvas.removeMarker(shape, MARK);
    if (registry.get(list.value)) canvas.addMarker(list.value, MARK);
  };
  target.addEventListener("click", ({ clientX, clientY }) => { // what lies there: while one drags, the event itself is the scroller's
    const ids = document.elementsFromPoint(clientX, clientY).map((each) => each.closest("[data-element-id]")?.dataset.elementId);
    const found = [...list.options].find(({ value }) => value && ids.includes(value));
    if (found) list.value = found.value;
    show();
  });
  list.addEventListener("change", show);
  show();
  list.dataset.ready = "";
}

if (list) {
  document.addEventListener("diagram-drawn", ({ target }) => drawn(target));
  for (const figure of document.querySelectorAll("[data-diagram]")) if (figure.viewer) drawn(figure); // drawn before this came
}

// A link to one variable opens its history.
function openNamed() {
  const details = location.hash.startsWith("#var-") && document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector("details");
  if (details) details.open = true;
}
addEventListener("hashchange", openNamed);
openNamed();
