// Turning pages with a finger. Not while text is selected, not from a slider, map, drawing or anything that scrolls sideways.

const LEAST_PX = 70;
const LONGEST_MS = 600;
const OWN = "input[type=range],canvas,[data-no-swipe],select,textarea,audio,video";

export function useSwipe(turn: (by: 1 | -1) => void) {
  let begun: { x: number; y: number; at: number } | null = null;

  function scrollsSideways(target: Element | null): boolean {
    for (let each = target; each && each !== document.body; each = each.parentElement) {
      if (each.scrollWidth > each.clientWidth + 4 && /(auto|scroll)/.test(getComputedStyle(each).overflowX)) return true;
    }
    return false;
  }

  return {
    down(event: PointerEvent): void {
      const target = event.target instanceof Element ? event.target : null;
      const own = event.pointerType === "mouse" || !event.isPrimary || target?.closest(OWN) || scrollsSideways(target);
      begun = own ? null : { x: event.clientX, y: event.clientY, at: Date.now() };
    },
    up(event: PointerEvent): void {
      const from = begun;
      begun = null;
      if (from === null || (getSelection()?.toString() ?? "") !== "") return;
      const [across, along] = [event.clientX - from.x, event.clientY - from.y];
      if (Math.abs(across) < LEAST_PX || Math.abs(across) < 2 * Math.abs(along) || Date.now() - from.at > LONGEST_MS) return;
      // A page that is read from the right is turned the other way, as in a book.
      const forward = event.target instanceof Element && getComputedStyle(event.target).direction === "rtl" ? across > 0 : across < 0;
      turn(forward ? 1 : -1);
    },
    cancel(): void {
      begun = null;
    },
  };
}
