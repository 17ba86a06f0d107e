// A figure[data-diagram] is filled when it comes near the screen; only then is bpmn-js loaded. See the macro `diagram`.
export function diagrams() {
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.unobserve(target); if (!("drawn" in target.dataset)) show(target); }
  }, { rootMargin: "200px" });
  const watch = (root) => {
    const inside = [...root.querySelectorAll("[data-diagram]")];
    for (const each of root.matches?.("[data-diagram]") ? [root, ...inside] : inside) seen.observe(each); // observed twice counts once
  };
  watch(document);
  document.addEventListener("htmx:load", ({ detail }) => watch(detail.elt));
}

async function show(figure) {
  figure.dataset.drawn = "";
  try {
    await styled(figure.dataset.css);
    const { draw } = await import(figure.dataset.module);
    await draw(figure);
  } catch (problem) {
    console.error("diagram", problem);
    const note = figure.querySelector(".diagram-wait") ?? figure.appendChild(Object.assign(document.createElement("p"), { className: "diagram-wait" }));
    note.textContent = JSON.parse(document.querySelector('meta[name="terbit-words"]').content).broken;
  }
}

function styled(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((done) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(link);
  });
}
