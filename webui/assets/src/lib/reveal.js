// <button data-reveal="#id" hidden> shows what is typed into that password field; hidden again before it is sent.
export function revealing() {
  const buttons = () => document.querySelectorAll("[data-reveal]");
  for (const button of buttons()) button.hidden = false;
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-reveal]");
    if (button) show(button, button.getAttribute("aria-pressed") !== "true");
  });
  document.addEventListener("submit", () => buttons().forEach((button) => show(button, false)), true);
}

function show(button, shown) {
  const field = document.querySelector(button.dataset.reveal);
  field.type = shown ? "text" : "password"; // what browsers and password managers take for the same field
  button.setAttribute("aria-pressed", String(shown));
}
