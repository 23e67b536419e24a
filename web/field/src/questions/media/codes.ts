// Reads bar codes and QR codes from a picture: by the browser where it can, else by a library whose program lies beside the app.
import program from "zxing-wasm/reader/zxing_reader.wasm?url";

interface Detector {
  detect(from: CanvasImageSource): Promise<Array<{ rawValue: string }>>;
}
type DetectorClass = { new (): Detector; getSupportedFormats(): Promise<string[]> };

/** Texts of the codes in a picture; none when there are none. */
export type Reader = (from: HTMLCanvasElement) => Promise<string[]>;

async function own(): Promise<Reader | null> {
  const found = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  try {
    // Some systems have the class and no formats.
    if (!found || !(await found.getSupportedFormats()).includes("qr_code")) return null;
    const detector = new found();
    return async (from) => (await detector.detect(from)).map((code) => code.rawValue);
  } catch {
    return null;
  }
}

async function library(): Promise<Reader> {
  const { prepareZXingModule, readBarcodes } = await import("zxing-wasm/reader");
  // Left alone the library asks another host for its program.
  await prepareZXingModule({ overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? program : prefix + path) }, fireImmediately: true });
  return async (from) => {
    const picture = from.getContext("2d", { willReadFrequently: true })!.getImageData(0, 0, from.width, from.height);
    const codes = await readBarcodes(picture, { tryHarder: true, maxNumberOfSymbols: 4 });
    return codes.filter((code) => code.isValid && code.text !== "").map((code) => code.text);
  };
}

let loading: Promise<Reader> | null = null;

/** The reader, loaded once. Rejects when its program was never fetched and there is no network. */
export function reader(): Promise<Reader> {
  loading ??= (async () => (await own()) ?? (await library()))().catch((reason: unknown) => {
    loading = null;
    throw reason;
  });
  return loading;
}
