// Decisions of the review queue: the next question, which came with the page, is shown at once; the decision goes to the
// server behind it. One decision is on its way at a time; a key pressed meanwhile waits for it, so that nothing is decided
// on a question that the answer replaces.

type Shown = (element: Element) => void;

let sending = false;
let waiting: string | null = null;

/** Keeps a key for the question now shown while the decision before it is still being stored; true when it was kept. */
export function waits(key: string): boolean {
  if (sending && waiting === null) waiting = key;
  return sending;
}

function part(id: string, root: ParentNode = document): HTMLElement | null {
  return root.querySelector<HTMLElement>(`#${id}`);
}

/** Replaces the parts of the page that the answer holds. */
function put(answer: string, shown: Shown): void {
  const parsed = new DOMParser().parseFromString(answer, "text/html");
  for (const id of ["review-status", "review-question", "review-rest"]) {
    const old = part(id);
    const fresh = part(id, parsed);
    if (old === null || fresh === null) continue;
    old.replaceWith(fresh);
    shown(fresh);
  }
}

async function send(form: HTMLFormElement, body: FormData): Promise<string> {
  const response = await fetch(form.action, {
    method: "POST", body: new URLSearchParams(body as unknown as Record<string, string>), headers: { "HX-Request": "true" },
  });
  if (!response.ok || response.redirected) throw new Error(`the decision was answered with ${response.status}`);
  history.replaceState(history.state, "", response.headers.get("HX-Push-Url") ?? location.href);
  return response.text();
}

async function decide(form: HTMLFormElement, question: HTMLElement, shown: Shown): Promise<void> {
  const body = new FormData(form);
  const next = document.querySelector<HTMLTemplateElement>("template#review-next");
  const stamp = next?.dataset.stamp;
  if (next !== null && stamp !== undefined) {
    const fresh = question.cloneNode(false) as HTMLElement;
    fresh.dataset.stamp = stamp;
    fresh.append(next.content.cloneNode(true));
    question.replaceWith(fresh);
    shown(fresh);
    scrollTo(0, 0);
    body.set("shown", stamp);
  }
  try {
    const answer = await send(form, body);
    put(answer, shown);
    if (part("review-question")?.dataset.stamp !== stamp) waiting = null;
  } catch (reason) {
    console.warn("the decision was not stored", reason);
    waiting = null;
    part("review-question")?.replaceWith(question);
    const said = document.querySelector<HTMLElement>(".review-done");
    if (said !== null) {
      said.textContent = said.dataset.failed ?? "";
      said.classList.add("failed");
    }
  }
}

/** `shown` is told of every part that was put into the page; `press` presses a key that had to wait. */
export function installReview(root: Document, shown: Shown, press: (key: string) => void): void {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    const question = part("review-question");
    if (!(form instanceof HTMLFormElement) || !form.matches("[data-decide]") || question === null) return;
    event.preventDefault();
    if (sending) return;
    sending = true;
    void decide(form, question, shown).finally(() => {
      sending = false;
      const key = waiting;
      waiting = null;
      if (key !== null) press(key);
    });
  });
}
