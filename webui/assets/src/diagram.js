// A diagram to look at: where the tokens are, where they have been.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";

export async function draw(target) {
  const response = await fetch(target.dataset.diagram, { headers: { Accept: "application/xml" } });
  if (!response.ok) throw new Error(`diagram: ${response.status}`);
  const xml = await response.text();
  target.replaceChildren();
  const viewer = new NavigatedViewer({ container: target });
  await viewer.importXML(xml);
  const canvas = viewer.get("canvas");
  mark(viewer, JSON.parse(target.dataset.done || "[]"), "terbit-done");
  for (const { activity_id, count } of JSON.parse(target.dataset.tokens || "[]")) token(viewer, activity_id, count);
  canvas.zoom("fit-viewport", "auto");
  target.viewer = viewer;
}

function mark(viewer, ids, name) {
  const registry = viewer.get("elementRegistry");
  for (const id of ids) if (registry.get(id)) viewer.get("canvas").addMarker(id, name);
}

function token(viewer, id, count) {
  if (!viewer.get("elementRegistry").get(id)) return;
  viewer.get("canvas").addMarker(id, "terbit-here");
  const sign = Object.assign(document.createElement("div"), { className: "terbit-token", textContent: count > 1 ? count : "" });
  viewer.get("overlays").add(id, { position: { top: -12, right: 12 }, html: sign });
}
