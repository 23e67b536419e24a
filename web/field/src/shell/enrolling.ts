// The enrolment that is under way: the link as read, until the PIN is chosen.
import { shallowRef } from "vue";
import type { Link } from "./link";

export const pendingLink = shallowRef<Link | null>(null);
/** What the office shut out: told on the screen after the device was emptied. */
export const shutOut = shallowRef<{ at: string; sealed: number } | null>(null);
