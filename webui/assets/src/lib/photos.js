// A photo as it should leave the phone: upright, its longest side at most LONGEST, nothing of what the camera noted in it
// (place, device). What cannot be read here goes as it is, and the server decides.
const LONGEST = 2560, QUALITY = 0.85, LOOK = 512;
const NOTES = ["Exif\0", "eXIf", "http://ns.adobe.com/xap", "Photoshop 3.0", "XML:com.adobe.xmp"];

export async function smaller(file, accept) {
  if (file.type !== "image/jpeg" && file.type !== "image/png") return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    const canvas = drawn(bitmap, scale);
    const type = file.type === "image/png" && (isClear(bitmap) || !takesJpeg(accept)) ? "image/png" : "image/jpeg";
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
    bitmap.close();
    if (!blob || blob.type !== type || (scale === 1 && blob.size >= file.size && !(await isNoted(file)))) return file;
    return new File([blob], type === file.type ? file.name : file.name.replace(/\.png$/i, ".jpg"), { type, lastModified: file.lastModified });
  } catch {
    return file;
  }
}

function drawn(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function isClear(bitmap) {
  const small = drawn(bitmap, Math.min(1, LOOK / Math.max(bitmap.width, bitmap.height)));
  const { data } = small.getContext("2d").getImageData(0, 0, small.width, small.height);
  for (let n = 3; n < data.length; n += 4) if (data[n] < 255) return true;
  return false;
}

const takesJpeg = (accept) => !accept || /\.jpe?g\b|image\//.test(accept);

async function isNoted(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 256 * 1024).arrayBuffer());
  return NOTES.some((note) => head.includes(note));
}
