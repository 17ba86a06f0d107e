// A checkbox that checks all of a name: shown only where there is script. The lists come and go, so it is asked of the document.
export function checks() {
  const show = () => { for (const all of document.querySelectorAll("[data-check-all]")) all.hidden = false; };
  const boxes = (name) => [...document.querySelectorAll(`input[type=checkbox][name="${name}"]:not(:disabled)`)];
  show();
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("change", ({ target }) => {
    const all = target.closest("[data-check-all]");
    if (all) for (const box of boxes(all.dataset.checkAll)) box.checked = target.checked;
    else for (const each of document.querySelectorAll(`[data-check-all="${target.name}"] input`)) each.checked = boxes(target.name).every((box) => box.checked);
  });
}
