// A figure[data-diagram] is filled when it comes near the screen; only then is bpmn-js loaded.
export function diagrams() {
  const places = document.querySelector('meta[name="terbit-diagram"]')?.dataset;
  if (!places) return;
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.unobserve(target); show(target, places); }
  }, { rootMargin: "200px" });
  const watch = (root) => { for (const each of root.querySelectorAll("figure[data-diagram]:not([data-drawn])")) seen.observe(each); };
  watch(document);
  document.addEventListener("htmx:load", ({ detail }) => watch(detail.elt));
}

async function show(figure, { script, style }) {
  try {
    await styled(style);
    const { draw } = await import(script);
    await draw(figure);
  } catch (problem) {
    figure.dataset.failed = "";
    console.error("diagram", problem);
  }
}

function styled(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((done) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(link);
  });
}
