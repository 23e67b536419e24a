// How full the device is, and asking the browser to keep what is here.

/** Shares of the quota: from the first a warning is shown, from the second no new photo is taken. */
export const WARN = 0.7;
export const FULL = 0.9;

export interface Usage {
  used: number;
  quota: number;
  share: number;
}

async function usage(): Promise<Usage> {
  const said = (await navigator.storage?.estimate?.()) ?? {};
  const used = said.usage ?? 0;
  const quota = said.quota ?? 0;
  return { used, quota, share: quota > 0 ? used / quota : 0 };
}

/** Asks that nothing is thrown away when the device runs full; says whether the browser agreed. */
export async function askPersist(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false;
}

/** Whether there is room for another photo; the rest of the room is for answers. */
export async function photosAllowed(): Promise<boolean> {
  return (await usage()).share < FULL;
}

export const storage = { usage };
