/** The companion in a small window above all others: its picture, or its portrait with the voice's glow. */
import { drawing } from "../parts.js";
import { calling } from "../ring.js";
import { picture, voice } from "./calling.js";
import { going } from "./phases.js";

const SIDE = 480;

/** Whether this browser can. */
export function floats() {
  return document.pictureInPictureEnabled === true;
}

/** @param {string} name @param {string | null} portrait */
export async function pictureInPicture(name, portrait) {
  if (document.pictureInPictureElement) return void await document.exitPictureInPicture();
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const painting = picture.peek() ? null : await paint(name, portrait);
  video.srcObject = painting?.stream ?? picture.peek();
  await video.play();
  await video.requestPictureInPicture();
  const over = setInterval(() => {
    if (!going(calling.peek()) && document.pictureInPictureElement === video) void document.exitPictureInPicture();
  }, 500);
  video.addEventListener("leavepictureinpicture", () => {
    clearInterval(over);
    painting?.end();
    video.srcObject = null;
  }, { once: true });
}

/** A canvas that shows the portrait and how loud it speaks. @param {string} name @param {string | null} portrait */
async function paint(name, portrait) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = portrait ? Object.assign(new Image(), { src: drawing(portrait) }) : null;
  await image?.decode().catch(() => undefined);
  const hue = Number(getComputedStyle(document.querySelector(".hue") ?? document.documentElement).getPropertyValue("--h")) || 195;
  const draw = () => {
    const level = voice.level?.value ?? 0;
    brush.fillStyle = `oklch(.22 .04 ${hue})`;
    brush.fillRect(0, 0, SIDE, SIDE);
    for (const [i, far] of [0.44, 0.39].entries()) {
      brush.fillStyle = `oklch(.72 .1 ${hue} / ${0.12 + i * 0.12 + level * 0.3})`;
      circle(brush, SIDE * (far + level * 0.05));
      brush.fill();
    }
    brush.save();
    circle(brush, SIDE * 0.34);
    brush.clip();
    if (image?.naturalWidth) brush.drawImage(image, SIDE * 0.16, SIDE * 0.16, SIDE * 0.68, SIDE * 0.68);
    else { brush.fillStyle = "#fff"; brush.font = `${SIDE / 3}px sans-serif`; brush.textAlign = "center"; brush.fillText([...name][0] ?? "", SIDE / 2, SIDE * 0.62); }
    brush.restore();
  };
  draw();
  const timer = setInterval(draw, 66);
  const stream = canvas.captureStream(15);
  return { stream, end: () => { clearInterval(timer); for (const track of stream.getTracks()) track.stop(); } };
}

/** @param {CanvasRenderingContext2D} brush @param {number} radius */
function circle(brush, radius) {
  brush.beginPath();
  brush.arc(SIDE / 2, SIDE / 2, radius, 0, 2 * Math.PI);
}
