// Builds the officers' script into the place from which the server serves it. Entry files have plain names, so that the
// page needs no manifest; everything they load is named by its content and may be cached for ever.
import { resolve } from "node:path";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    outDir: resolve(import.meta.dirname, "../../server/office/static/dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 450,
    rollupOptions: {
      // htmx holds an eval for inline handlers; it is switched off (allowEval) and the page's policy forbids it anyway.
      checks: { eval: false },
      input: { office: resolve(import.meta.dirname, "src/office.ts") },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "chunks/[name]-[hash].js",
        codeSplitting: { groups: [{ name: "ol", test: /node_modules[\\/](ol|rbush|quickselect|topojson-client)/ }] },
        assetFileNames: (asset) => (asset.names.includes("office.css") ? "office.css" : "chunks/[name]-[hash][extname]"),
      },
    },
  },
});
