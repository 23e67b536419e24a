// Builds the field app into the place from which the server serves it. Everything but index.html, sw.js and the manifest is named
// by its content and may be cached for ever.
import { resolve } from "node:path";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { enginePatch } from "./build/engine-patch.js";
import { precompress } from "./build/precompress.js";
import { serviceWorker } from "./build/service-worker.js";

const here = import.meta.dirname;
// Tests compare the patched engine with the stock one; nothing else sets these.
const stock = process.env.FIELDPOST_STOCK_ENGINE === "1";
const outDir = resolve(here, process.env.FIELDPOST_FIELD_OUT ?? "../../server/field/static");

export default defineConfig({
  base: "./",
  publicDir: resolve(here, "public"),
  plugins: [vue(), ...(stock ? [] : [enginePatch()]), serviceWorker(outDir, resolve(here, "build/worker.js")), precompress(outDir)],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 950,
    rollupOptions: {
      // The engine's XPath parser holds an eval that never runs; the page's policy forbids it anyway.
      checks: { eval: false, pluginTimings: false },
      input: { index: resolve(here, "index.html") },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
        codeSplitting: {
          groups: [
            { name: "engine", test: /node_modules[\\/]@getodk/ },
            { name: "maps", test: /node_modules[\\/](ol|rbush|quickselect|topojson-client)[\\/]/ },
          ],
        },
      },
    },
  },
});
