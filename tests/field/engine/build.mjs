// Builds drive.js with the engine, patched or as it is published. Run in web/field: node build.mjs DRIVE_JS OUT_DIR [stock]
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const field = process.cwd();
const [entry, outDir, kind] = process.argv.slice(2);
const { build } = await import(pathToFileURL(resolve(field, "node_modules/vite/dist/node/index.js")).href);
const { enginePatch } = await import(pathToFileURL(resolve(field, "build/engine-patch.js")).href);
await build({
  configFile: false,
  root: field,
  logLevel: "warn",
  plugins: kind === "stock" ? [] : [enginePatch()],
  resolve: { alias: { "@getodk/xforms-engine": resolve(field, "node_modules/@getodk/xforms-engine/dist/index.js") } },
  publicDir: false,
  build: { outDir, emptyOutDir: true, target: "es2022", minify: false, rollupOptions: { checks: { eval: false }, input: entry, output: { entryFileNames: "drive.js" } } },
});
