// A chosen file goes up at once, with progress; what the server keeps comes back as a list item, and the field is empty again.
export function uploads(form, words) {
  for (const place of form.querySelectorAll("[data-files]")) {
    const input = place.querySelector('input[type="file"]');
    if (!input) continue;
    place.classList.add("files-live");
    input.addEventListener("change", async () => {
      const files = [...input.files];
      const submits = form.querySelectorAll("button:not([type=button])");
      for (const button of submits) button.disabled = true;
      input.value = "";
      for (const file of files) await send(form, place, input, file, words);
      for (const button of submits) button.disabled = false;
    });
  }
}

async function send(form, place, input, file, words) {
  const state = place.querySelector(".file-state");
  if (file.size > place.dataset.largest * 1024 * 1024) return refuse(state, file, words.large);
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
  bar.setAttribute("aria-label", file.name);
  state.replaceChildren(`${file.name} `, bar);
  try {
    const item = await post(form, place, file, (part) => { bar.value = part; });
    const list = place.querySelector(".file-list");
    if (!input.multiple) list.replaceChildren();
    list.insertAdjacentHTML("beforeend", item);
    state.textContent = "";
    form.dispatchEvent(new Event("input"));
  } catch (problem) {
    refuse(state, file, problem.message || words.failed);
  }
}

function refuse(state, file, why) {
  state.replaceChildren(Object.assign(document.createElement("span"), { className: "field-error", textContent: `${file.name}: ${why}` }));
}

function post(form, place, file, progress) {
  const data = new FormData();
  data.append("csrf_token", form.elements.csrf_token.value);
  data.append("variable", place.dataset.variable);
  if (place.dataset.task) data.append("task_id", place.dataset.task);
  if (place.dataset.definition) data.append("definition_id", place.dataset.definition);
  data.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/uploads");
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
    request.addEventListener("error", () => reject(new Error("")));
    request.addEventListener("load", () => {
      if (request.status === 200) return resolve(request.responseText);
      let message = "";
      try { message = JSON.parse(request.responseText).message; } catch { /* an error page: its own words are not for here */ }
      reject(new Error(message));
    });
    request.send(data);
  });
}
