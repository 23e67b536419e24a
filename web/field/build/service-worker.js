// Writes sw.js: the worker's source with the names of everything the app needs to start without a network, and a version that
// changes when any of them changes. What is loaded for one kind of question only (maps, bar codes) is listed apart: it is kept
// too, but its absence does not keep the app from being installed.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const LAZY = /^assets\/(maps|land|countries|world|zxing)/;

export function serviceWorker(folder, source) {
  const names = new Map();
  return {
    name: "fieldpost-service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const [name, part] of Object.entries(bundle)) {
        const data = part.type === "chunk" ? part.code : part.source;
        names.set(name, createHash("sha256").update(data).digest("hex"));
      }
    },
    writeBundle: { order: "pre", sequential: true, handler: async () => {
      const text = await readFile(source, "utf8");
      const all = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
      const version = createHash("sha256").update(JSON.stringify(all) + text).digest("hex").slice(0, 12);
      const files = all.map(([name]) => name).filter((name) => !/\.map$/.test(name));
      const shell = ["./", ...files.filter((name) => name !== "index.html" && !LAZY.test(name)), "manifest.webmanifest", "icon.svg", "icon-192.png", "icon-512.png"];
      const lazy = files.filter((name) => LAZY.test(name));
      const head = `const VERSION = ${JSON.stringify(version)};\nconst SHELL = ${JSON.stringify(shell)};\nconst LAZY = ${JSON.stringify(lazy)};\n`;
      await writeFile(join(folder, "sw.js"), head + text);
    } },
  };
}
