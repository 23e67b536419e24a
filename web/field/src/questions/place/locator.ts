// The browser's positioning as state of a component: it looks only between start() and stop(), and stops when the component goes.
import { computed, onBeforeUnmount, ref, shallowRef } from "vue";
import type { Place } from "./geo";

/** Why there is no position; the words are `place.no.<reason>`. */
export type NoPlace = "insecure" | "missing" | "denied" | "unavailable";

export function useLocator(onFix?: (place: Place) => void) {
  const looking = ref(false);
  const seconds = ref(0);
  const best = shallowRef<Place | null>(null);
  const last = shallowRef<Place | null>(null);
  const trouble = ref<NoPlace | null>(null);
  let watch: number | null = null;
  let clock: ReturnType<typeof setInterval> | null = null;
  let since = 0;

  function stop(): void {
    if (watch !== null) navigator.geolocation.clearWatch(watch);
    if (clock !== null) clearInterval(clock);
    watch = clock = null;
    looking.value = false;
  }

  function found(position: GeolocationPosition): void {
    const { latitude, longitude, altitude, accuracy } = position.coords;
    const place = { lat: latitude, lon: longitude, alt: altitude ?? 0, acc: accuracy };
    trouble.value = null;
    last.value = place;
    // The best fix is kept: a receiver that loses satellites does not spoil what it had.
    if (best.value === null || accuracy <= best.value.acc) best.value = place;
    onFix?.(place);
  }

  function failed(reason: GeolocationPositionError): void {
    // A time-out is no failure: the receiver goes on looking.
    if (reason.code === reason.TIMEOUT) return;
    trouble.value = reason.code === reason.PERMISSION_DENIED ? "denied" : "unavailable";
    if (trouble.value === "denied") stop();
  }

  function start(): void {
    stop();
    best.value = last.value = trouble.value = null;
    seconds.value = 0;
    if (!window.isSecureContext) trouble.value = "insecure";
    else if (!("geolocation" in navigator)) trouble.value = "missing";
    if (trouble.value) return;
    looking.value = true;
    since = Date.now();
    clock = setInterval(() => (seconds.value = Math.floor((Date.now() - since) / 1000)), 500);
    watch = navigator.geolocation.watchPosition(found, failed, { enableHighAccuracy: true, maximumAge: 0, timeout: 30_000 });
  }

  onBeforeUnmount(stop);
  return { looking, seconds, best, last, trouble, start, stop, has: computed(() => best.value !== null) };
}

/** Keeps the screen on while positions are recorded, where the browser can: with a dark screen it stops positioning. */
export function useWakefulness() {
  let lock: WakeLockSentinel | null = null;
  async function stayAwake(): Promise<void> {
    try {
      lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      // Refused on low battery: the words on screen ask to keep it on by hand.
      lock = null;
    }
  }
  function mayLock(): void {
    void lock?.release();
    lock = null;
  }
  onBeforeUnmount(mayLock);
  return { stayAwake, mayLock };
}
