// How far a long export came: the link that is followed gets a name by which the server tells of it, and the page asks until it has ended.
const NUMBER = new Intl.NumberFormat(document.documentElement.lang || "id");
const EVERY = 1000; // ms
const PATIENCE = 20; // questions without an answer before it is given up

const box = document.querySelector("[data-exporting]");

function name() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
}

function follow(link) {
  const address = new URL(link.href);
  const id = name();
  address.searchParams.set("progress", id);
  link.href = address.href;
  const line = box.appendChild(box.querySelector("template").content.firstElementChild.cloneNode(true));
  line.querySelector("[data-what]").textContent = link.getAttribute("aria-label");
  ask(line, box.dataset.exporting.replace("NAME", id), 0);
}

async function ask(line, address, unheard) {
  await new Promise((resolve) => setTimeout(resolve, EVERY));
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).then((r) => (r.ok ? r.json() : null), () => null);
  if (!answer && unheard >= PATIENCE) return say(line, "broken");
  if (answer) show(line, answer);
  if (!answer || answer.state === "running") ask(line, address, answer ? 0 : unheard + 1);
}

function show(line, { state, count, total }) {
  const bar = line.querySelector("progress");
  bar.max = total || 1;
  bar.value = state === "done" ? bar.max : count;
  line.querySelector("[data-count]").textContent = box.dataset.of.replace("COUNT", NUMBER.format(count)).replace("TOTAL", NUMBER.format(total));
  if (state !== "running") say(line, state);
}

function say(line, state) {
  line.querySelector("[data-state]").textContent = box.dataset[state];
}

for (const link of document.querySelectorAll("a[data-export]")) link.addEventListener("click", () => follow(link));
