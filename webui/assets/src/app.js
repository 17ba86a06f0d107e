// What every page may use, small. Behaviour hangs on data-* attributes; every page works without it.
import "htmx.org";
import { onceOnly } from "./lib/once.js";
import { menus } from "./lib/menus.js";
import { copying } from "./lib/copy.js";
import { revealing } from "./lib/reveal.js";
import { diagrams } from "./lib/diagrams.js";
import { asking, forms } from "./lib/forms.js";
import { previews } from "./lib/previews.js";
import { decisions } from "./lib/decisions.js";
import { mentions } from "./lib/mentions.js";
import { drafts } from "./lib/drafts.js";
import { checks } from "./lib/checks.js";
import { keys } from "./lib/keys.js";

export const words = JSON.parse(document.querySelector('meta[name="terbit-words"]')?.content || "{}");

decisions(); // before onceOnly: a click that only opens the note does not count as sent
onceOnly(words);
menus();
copying(words);
revealing();
diagrams();
drafts(words);
forms(words);
asking();
mentions();
previews();
checks();
keys();

// The counts in the menu: the server names them in a header of the poll.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const header = detail.xhr?.getResponseHeader("X-Terbit-Counts");
  if (!header) return;
  const counts = JSON.parse(header);
  const changed = document.body.dataset.counts && document.body.dataset.counts !== header;
  document.body.dataset.counts = header;
  const busy = document.activeElement?.closest("#lists") || document.querySelector("#lists input:checked, #lists details[open]");
  if (changed && !busy) document.body.dispatchEvent(new Event("counts-changed"));
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = counts[place.dataset.count] || "";
});
