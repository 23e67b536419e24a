// What every page does without a library: drawer on phones, mission clock, filters that fold, and the pulse of alarms
// (count in the tab's title, banner, sound). It must work when the built scripts are missing.
const body = document.body;

for (const opener of document.querySelectorAll("[data-drawer]")) {
  opener.addEventListener("click", () => {
    const open = body.classList.toggle("drawer");
    document.querySelector(".drawer-open")?.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector(".side a")?.focus();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  body.classList.remove("drawer");
  for (const menu of document.querySelectorAll("details.who[open]")) menu.open = false;
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.who[open]")) if (!menu.contains(event.target)) menu.open = false;
  const toggle = event.target.closest?.("[data-fold]");
  if (toggle) {
    const folded = document.querySelector(toggle.dataset.fold)?.classList.toggle("folded");
    toggle.setAttribute("aria-expanded", String(!folded));
  }
  if (event.target.closest?.("[data-print]")) window.print();
  const asks = event.target.closest?.("button[data-confirm]");
  if (asks && !window.confirm(asks.dataset.confirm)) event.preventDefault();
}, true);

const clock = document.querySelector("[data-clock] strong");
if (clock) {
  const zone = clock.parentElement.dataset.clock;
  const shown = clock.textContent.split(" ").slice(1).join(" ");
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  setInterval(() => { clock.textContent = `${format.format(new Date())} ${shown}`; }, 10_000);
}

// A page that stood open for hours is printed with the time of printing.
addEventListener("beforeprint", () => {
  for (const place of document.querySelectorAll("[data-printed]")) {
    const format = new Intl.DateTimeFormat(document.documentElement.lang === "fr" ? "fr-FR" : "en-GB", {
      timeZone: place.dataset.printed, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    });
    place.textContent = format.format(new Date());
  }
});

// --- alarms ---
const pulse = body.dataset.pulse;
const title = document.title;
let known = new Set(JSON.parse(sessionStorage.getItem("alarms") || "null") || []);
let timer = 0;

function tone() {
  // Browsers allow sound only after a gesture on the page; until then the banner and the title do the work.
  if (localStorage.getItem("alarm-sound") === "off" || navigator.userActivation?.hasBeenActive === false) return;
  const audio = new AudioContext();
  const end = audio.currentTime + 1.2;
  for (const [start, pitch] of [[0, 880], [0.3, 660], [0.6, 880], [0.9, 660]]) {
    const sound = audio.createOscillator();
    const level = audio.createGain();
    sound.type = "square";
    sound.frequency.value = pitch;
    level.gain.setValueAtTime(0.06, audio.currentTime + start);
    level.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + start + 0.26);
    sound.connect(level).connect(audio.destination);
    sound.start(audio.currentTime + start);
    sound.stop(audio.currentTime + start + 0.28);
  }
  setTimeout(() => audio.close(), 1000 * (end - audio.currentTime) + 300);
}

function paint(state) {
  for (const [name, number] of Object.entries(state.counts)) {
    for (const badge of document.querySelectorAll(`[data-count="${name}"]`)) {
      badge.textContent = number;
      badge.dataset.value = number;
    }
  }
  document.title = state.counts.alarms ? `(${state.counts.alarms}) ${title}` : title;
  const place = document.getElementById("alarm");
  if (place && place.dataset.state !== state.mark) {
    place.innerHTML = state.banner;
    place.dataset.state = state.mark;
  }
  if (state.alarms.some((id) => !known.has(id))) {
    tone();
    document.dispatchEvent(new CustomEvent("fieldpost:alarm"));
  }
  known = new Set(state.alarms);
  sessionStorage.setItem("alarms", JSON.stringify([...known]));
}

async function beat() {
  clearTimeout(timer);
  try {
    const answer = await fetch(pulse, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) return; // logged out: the next click leads to the log-in
    if (answer.ok) paint(await answer.json());
  } catch (problem) {
    console.warn("no pulse from the server", problem); // the link is down; the next beat tries again
  }
  timer = setTimeout(beat, 20_000);
}
if (pulse) {
  beat();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
}

const sound = document.querySelector("[data-sound]");
if (sound) {
  const show = () => {
    const on = localStorage.getItem("alarm-sound") !== "off";
    sound.setAttribute("aria-pressed", String(on));
    sound.querySelector("span").textContent = on ? sound.dataset.on : sound.dataset.off;
  };
  sound.addEventListener("click", () => {
    localStorage.setItem("alarm-sound", localStorage.getItem("alarm-sound") === "off" ? "on" : "off");
    show();
    tone(); // the officer hears what an alarm sounds like, and the browser has its gesture
  });
  show();
}
