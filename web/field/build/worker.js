// The service worker: keeps the app's own files, so that it starts with no network. It never touches what goes to /v1/ (reports,
// forms, lists): those belong to the app, which keeps them encrypted. A new version waits until the page says that no
// questionnaire is open.
const CACHE = `field-${VERSION}`;
const SCOPE = new URL("./", self.location.href);

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      const before = (await caches.keys()).filter((name) => name.startsWith("field-") && name !== CACHE);
      // What did not change (it is named by its content) is taken from the last version: an update costs what is new.
      for (const name of SHELL) {
        const address = new URL(name, SCOPE).href;
        const named = name.startsWith("assets/");
        const kept = named ? await fromAny(before, address) : undefined;
        const answer = kept ?? (await fetch(address, { cache: named ? "default" : "no-cache" }));
        if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
        await cache.put(address, answer);
      }
    })(),
  );
});

async function fromAny(names, address) {
  for (const name of names) {
    const found = await (await caches.open(name)).match(address);
    if (found) return found;
  }
  return undefined;
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith("field-") && name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") void self.skipWaiting();
  if (event.data === "keep the rest") event.waitUntil(keepTheRest());
});

// Maps and bar codes: fetched once the app is in use, not on the first visit.
async function keepTheRest() {
  const cache = await caches.open(CACHE);
  for (const name of LAZY) {
    const address = new URL(name, SCOPE).href;
    if (await cache.match(address)) continue;
    try {
      const answer = await fetch(address);
      if (answer.ok) await cache.put(address, answer);
    } catch {
      // No network: asked again on the next start, and when a question needs it.
      return;
    }
  }
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== SCOPE.origin || !url.pathname.startsWith(SCOPE.pathname)) return;
  const path = url.pathname.slice(SCOPE.pathname.length);
  // Pages of the server that live beside the app (how to trust its certificate) are its own.
  if (path.startsWith("trust") || path.startsWith("ca.")) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(CACHE);
      const address = path === "" || path === "index.html" ? SCOPE.href : SCOPE.href + path;
      const kept = await cache.match(address);
      if (kept) return kept;
      const answer = await fetch(event.request);
      if (answer.ok && LAZY.includes(path)) await cache.put(address, answer.clone());
      return answer;
    })(),
  );
});
