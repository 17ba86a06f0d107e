// A form with data-once is sent once: its button says so and takes no second click. Coming back by the back button frees it.
export function onceOnly(words) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    if (!form.matches("[data-once]") || event.defaultPrevented || button?.hasAttribute("formaction")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    // after this turn: a disabled button's own name and value would not be sent
    if (button) setTimeout(() => { button.setAttribute("aria-busy", "true"); button.dataset.label = button.innerHTML; button.textContent = words.sending; });
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) free(form);
  });
}

export function free(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[aria-busy]")) { button.removeAttribute("aria-busy"); button.innerHTML = button.dataset.label; }
}
