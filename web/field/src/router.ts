// Which screen is open, kept in the address's fragment: the phone's back button works, and no server sees where one is.
import { computed, ref } from "vue";

export interface Route {
  name: string;
  parts: string[];
}

function read(): Route {
  const [name = "", ...parts] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { name: name.startsWith("enrol=") ? "enrol" : name || "home", parts };
}

const current = ref<Route>(read());
let guard: ((next: Route) => boolean) | null = null;
let last = location.hash;

addEventListener("hashchange", () => {
  const next = read();
  if (guard && !guard(next)) {
    history.replaceState(null, "", last || "#/");
    return;
  }
  last = location.hash;
  current.value = next;
});

export const route = computed(() => current.value);

export function go(name: string, ...parts: string[]): void {
  location.hash = `#/${[name, ...parts].map(encodeURIComponent).join("/")}`;
}

/** Puts another screen in the place of this one: "back" does not return here. */
export function replace(name: string, ...parts: string[]): void {
  history.replaceState(null, "", `#/${[name, ...parts].map(encodeURIComponent).join("/")}`);
  last = location.hash;
  current.value = read();
}

/** Asks before the screen is left; null takes the question back. */
export function beforeLeaving(ask: ((next: Route) => boolean) | null): void {
  guard = ask;
}

/** Changes the address of the screen that is open, without opening another: a reload comes back to it. */
export function rename(name: string, ...parts: string[]): void {
  history.replaceState(null, "", `#/${[name, ...parts].map(encodeURIComponent).join("/")}`);
  last = location.hash;
}

/** Opens what the address says now. */
export function reopen(): void {
  current.value = read();
}
