// An entry dragged to another day: its form opens with that day filled in, at the same time of the day, and asks why.
// Who does not drag has the link to the same form in each entry.
const plan = document.querySelector("[data-plan]");
let dragged = null;

const dayOf = (event) => {
  const day = event.target.closest?.("[data-day]");
  return dragged && day && day !== dragged.closest("[data-day]") ? day : null;
};

function mark(day) {
  for (const each of plan.querySelectorAll(".is-over")) if (each !== day) each.classList.remove("is-over");
  day?.classList.add("is-over");
}

for (const entry of plan.querySelectorAll("[data-move]")) {
  entry.draggable = true;
  for (const link of entry.querySelectorAll("a")) link.draggable = false; // else the link is what is dragged
}
plan.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-move]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.textContent.trim());
  dragged.classList.add("is-dragged");
});
plan.addEventListener("dragover", (event) => {
  const day = dayOf(event);
  mark(day);
  if (day) event.preventDefault(); // it may be dropped here
});
plan.addEventListener("drop", (event) => {
  const day = dayOf(event);
  if (!day) return;
  event.preventDefault();
  const form = new URL(dragged.dataset.move, location.href);
  form.searchParams.set("to", day.dataset.day);
  location.assign(form);
});
plan.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
  mark(null);
});
