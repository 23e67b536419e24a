// Builds the page of this folder out of the field app's sources. Run in web/field: node build.mjs OUT_DIR
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const field = process.cwd();
const here = dirname(fileURLToPath(import.meta.url));
const load = (path) => import(pathToFileURL(resolve(field, path)).href);
const { build } = await load("node_modules/vite/dist/node/index.js");
const { default: vue } = await load("node_modules/@vitejs/plugin-vue/dist/index.mjs");
const { enginePatch } = await load("build/engine-patch.js");
await build({
  configFile: false,
  root: here,
  base: "./",
  logLevel: "warn",
  plugins: [vue(), enginePatch()],
  resolve: { alias: { "@field": resolve(field, "src"), vue: resolve(field, "node_modules/vue/dist/vue.runtime.esm-bundler.js") } },
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  publicDir: false,
  build: { outDir: process.argv[2], emptyOutDir: true, target: "es2022", minify: false, modulePreload: false, rollupOptions: { checks: { eval: false } } },
});
