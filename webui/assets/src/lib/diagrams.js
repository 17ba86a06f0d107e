// [data-diagram] is filled when it comes near the screen; only then is bpmn-js loaded.
export function diagrams(words) {
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.unobserve(target); show(target, words); }
  }, { rootMargin: "200px" });
  const watch = (root) => { for (const each of root.querySelectorAll("[data-diagram]:not([data-shown])")) seen.observe(each); };
  watch(document);
  document.addEventListener("htmx:load", ({ detail }) => watch(detail.elt));
}

async function show(target, words) {
  target.dataset.shown = "1";
  try {
    if (!document.querySelector(`link[href="${target.dataset.css}"]`)) document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: target.dataset.css }));
    const { draw } = await import(target.dataset.module);
    await draw(target);
  } catch (problem) {
    console.error(problem);
    target.innerHTML = "";
    target.append(Object.assign(document.createElement("p"), { className: "diagram-wait", textContent: words.broken }));
  }
}
