// Filling in a questionnaire by hand: after each answer the server says what is asked now and what does not fit. Only
// the questions that changed are drawn anew, never the one being typed into, and chosen files stay chosen.
const form = document.getElementById("entry");
let running = null;

async function ask(changed, action) {
  running?.abort();
  running = new AbortController();
  const data = new FormData(form);
  for (const [key, value] of [...data.entries()]) if (value instanceof File) data.set(key, value.name);
  data.set("_changed", changed);
  if (action) data.set("_action", action);
  const answer = await fetch(form.dataset.check, { method: "POST", body: data, signal: running.signal });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    document.getElementById("notices").innerHTML = page.querySelector(".notice, .panel")?.outerHTML ?? "";
    return null;
  }
  return page;
}

function paint(page) {
  const now = new Map([...form.querySelectorAll("[data-q]")].map((node) => [node.dataset.q, node]));
  for (const fresh of page.querySelectorAll("[data-q]")) {
    const old = now.get(fresh.dataset.q);
    if (!old || old.dataset.state === fresh.dataset.state) continue;
    if (old.querySelector("input[type=file]")?.files.length || old.contains(document.activeElement)) {
      old.hidden = fresh.hidden;
      old.classList.toggle("wrong", fresh.classList.contains("wrong"));
      for (const gone of old.querySelectorAll(":scope > .error")) gone.remove();
      for (const said of fresh.querySelectorAll(":scope > .error")) old.append(said);
    } else {
      old.replaceWith(fresh);
    }
  }
  const end = page.getElementById("entry-end");
  if (Number(end.dataset.open)) document.getElementById("entry-end").replaceWith(end);
  return Number(end.dataset.open);
}

form.addEventListener("change", (event) => {
  if (!event.target.name?.startsWith("/")) return;
  ask(event.target.name, "").then((page) => page && paint(page)).catch((problem) => {
    if (problem.name !== "AbortError") console.warn("the form could not be checked", problem);
  });
});

form.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (button?.name === "_add" || button?.name === "_remove") return; // the page is drawn anew
  event.preventDefault();
  const sends = button?.name !== "_action";
  if (button) button.disabled = true;
  try {
    const although = form.querySelector("[name=_although]")?.checked;
    const page = await ask("", "check");
    if (!page) return;
    const open = paint(page);
    if (sends && (!open || although)) form.submitting = true;
    else if (open) {
      if (although) document.querySelector("[name=_although]").checked = true;
      (form.querySelector(".field.wrong:not([hidden])") ?? document.getElementById("entry-end")).scrollIntoView({ block: "center" });
    }
    if (form.submitting) {
      if (although) {
        const kept = document.createElement("input");
        kept.type = "hidden"; kept.name = "_although"; kept.value = "1";
        form.append(kept);
      }
      form.submit();
    }
  } finally {
    for (const each of form.querySelectorAll("button[disabled]")) each.disabled = false;
  }
});
