// <button data-copy="#id"> copies that element's text, or its value, and says so.
export function copying(words) {
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try { await navigator.clipboard.writeText(text); } catch { select(source); document.execCommand("copy"); }
    const label = button.querySelector("[data-label]") ?? button;
    const before = label.textContent;
    label.textContent = words.copied;
    setTimeout(() => { label.textContent = before; }, 1600);
  });
}

function select(source) {
  if (source.select) return source.select();
  getSelection().selectAllChildren(source);
}
