// Writes .br and .gz beside every text file of the build, so that the server compresses nothing while a satellite link waits.
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const TEXT = /\.(html|js|css|svg|json|webmanifest|wasm|txt)$/;
const LEAST = 500;
const squeeze = promisify(brotliCompress);
const zip = promisify(gzip);

async function filesBelow(folder) {
  const found = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if ((await stat(path)).isDirectory()) found.push(...(await filesBelow(path)));
    else found.push(path);
  }
  return found;
}

export function precompress(folder) {
  return {
    name: "fieldpost-precompress",
    apply: "build",
    enforce: "post",
    writeBundle: { order: "post", sequential: true, handler: async () => {
      for (const path of await filesBelow(folder)) {
        if (!TEXT.test(path)) continue;
        const data = await readFile(path);
        if (data.length < LEAST) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
        await writeFile(`${path}.br`, await squeeze(data, { params }));
        await writeFile(`${path}.gz`, await zip(data, { level: 9 }));
      }
    } },
  };
}
