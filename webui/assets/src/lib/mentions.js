// While somebody writes @…, the people who can be named are offered: chosen by a click, or by arrow down and Enter.
export function mentions() {
  for (const area of document.querySelectorAll("textarea[data-mentions]")) offer(area);
}

const half = (area) => area.value.slice(0, area.selectionStart).match(/(?:^|[^\w@.])@([\w.-]{0,40})$/);

function offer(area) {
  const box = Object.assign(document.createElement("div"), { className: "mention-box", hidden: true });
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", area.dataset.mentionsLabel);
  area.after(box);
  let turn = 0;
  const close = () => { turn++; box.hidden = true; };
  area.addEventListener("input", async () => {
    const found = half(area), mine = ++turn;
    if (!found) return close();
    const answer = await fetch(`${area.dataset.mentions}?q=${encodeURIComponent(found[1])}`).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const people = await answer.json(); // also of an older turn: what is not read keeps its line busy
    if (mine !== turn) return;
    box.replaceChildren(...people.map((person) => choice(area, person, close)));
    box.hidden = !people.length;
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !box.hidden) { event.preventDefault(); box.firstElementChild.focus(); }
    if (event.key === "Escape") close();
  });
  box.addEventListener("keydown", (event) => {
    const next = { ArrowDown: document.activeElement.nextElementSibling, ArrowUp: document.activeElement.previousElementSibling ?? area }[event.key];
    if (next) { event.preventDefault(); next.focus(); }
    if (event.key === "Escape") { close(); area.focus(); }
  });
}

function choice(area, person, close) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "mention-choice" });
  made.append(Object.assign(document.createElement("b"), { textContent: person.name }), ` @${person.id}`);
  made.addEventListener("click", () => {
    const found = half(area), end = area.selectionStart;
    if (found) area.setRangeText(`@${person.id} `, end - found[1].length - 1, end, "end");
    close();
    area.focus();
  });
  return made;
}
