// Builds page.ts: vault, store and sender of the field app without its screens. Run in web/field: node build.mjs PAGE_TS OUT_DIR
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const field = process.cwd();
const [entry, outDir] = process.argv.slice(2);
const { build } = await import(pathToFileURL(resolve(field, "node_modules/vite/dist/node/index.js")).href);
await build({
  configFile: false,
  root: field,
  logLevel: "warn",
  resolve: {
    alias: {
      "@field": resolve(field, "src"),
      vue: resolve(field, "node_modules/vue/dist/vue.runtime.esm-bundler.js"),
      idb: resolve(field, "node_modules/idb/build/index.js"),
    },
  },
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  publicDir: false,
  build: { outDir, emptyOutDir: true, target: "es2022", minify: false, rollupOptions: { input: entry, output: { entryFileNames: "page.js" } } },
});
