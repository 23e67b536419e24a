// Makes a photo smaller before it is kept. The engine only says how many pixels the form wants.

const QUALITY = 0.85;

/** Draws on a canvas of the size; in a worker-less way that every browser has. */
export function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** The canvas as a file. Rejects when the browser has no memory for it. */
export function fileOf(canvas: HTMLCanvasElement, name: string, type: "image/jpeg" | "image/png"): Promise<File> {
  return new Promise((resolve, reject) => {
    // The name and the type are given here: a bare Blob would lose both, and the record would carry a file of no kind.
    const made = (blob: Blob | null) => (blob ? resolve(new File([blob], name, { type })) : reject(new Error("the picture could not be made")));
    canvas.toBlob(made, type, QUALITY);
  });
}

/** The picture turned the way it is meant to be seen. Rejects when the browser cannot read this kind of picture. */
export function decoded(file: Blob): Promise<ImageBitmap> {
  return createImageBitmap(file, { imageOrientation: "from-image" });
}

/** The size at which the longer side has `most` pixels; never larger than it was. */
export function within(width: number, height: number, most: number): { width: number; height: number } {
  const factor = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/**
 * The photo with at most `most` pixels on its longer side, as JPEG. The same file when it is small enough or the form sets no
 * limit: then its data about place and time stay in it (the server takes out what must not be there).
 */
export async function resized(file: File, most: number | null): Promise<File> {
  if (!most) return file;
  const picture = await decoded(file);
  try {
    if (Math.max(picture.width, picture.height) <= most) return file;
    const target = within(picture.width, picture.height, most);
    const canvas = canvasOf(target.width, target.height);
    const pen = canvas.getContext("2d")!;
    pen.fillStyle = "#fff"; // where the picture was transparent: JPEG would make it black
    pen.fillRect(0, 0, target.width, target.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, target.width, target.height);
    return await fileOf(canvas, file.name.replace(/\.[^.]*$/, "") + ".jpg", "image/jpeg");
  } finally {
    picture.close();
  }
}
