"use strict";
// What the camera sees, mirrored, while the lane asks for a face. Each picture is asked for, drawn, and forgotten.
const PICTURE_MS = 1500;
const AGAIN_MS = 250;
const HEAD_BYTES = 5;
let outlined = "";
let asked = new AbortController();

function mirror(outline) {
  const changed = Boolean(outline) !== Boolean(outlined);
  outlined = outline || "";
  document.getElementById("mirror").dataset.outline = outlined;
  if (!changed) return;
  asked.abort();
  wipe();
  asked = new AbortController();
  if (outlined) watch(asked.signal);
}

async function watch(over) {
  while (!over.aborted) {
    const told = await next(over);
    if (over.aborted) return;
    if (told) {
      draw(told);
    } else {
      wipe();
      await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    }
  }
}

// Null while there is nobody to be seen, or nobody who shows them.
async function next(over) {
  try {
    const signal = AbortSignal.any([over, AbortSignal.timeout(PICTURE_MS)]);
    const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/mirror`, { cache: "no-store", signal });
    return answer.status === 200 ? await answer.arrayBuffer() : null;
  } catch {
    return null;
  }
}

function draw(told) {
  const head = new DataView(told);
  const [width, height] = [head.getUint16(1), head.getUint16(3)];
  const grey = new Uint8Array(told, HEAD_BYTES);
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let n = 0; n < pixels.length; n += 1) pixels[n] = 0xff000000 | (grey[n] * 0x010101);
  const glass = document.getElementById("glass");
  if (glass.width !== width || glass.height !== height) [glass.width, glass.height] = [width, height];
  glass.parentElement.style.setProperty("--ratio", width / height);
  glass.getContext("2d").putImageData(image, 0, 0);
  shows(true);
}

function wipe() {
  shows(false);
  const glass = document.getElementById("glass");
  glass.width = glass.height = 0;
}

function shows(something) {
  document.getElementById("mirror").hidden = !something;
  document.body.classList.toggle("mirrored", something);
}
