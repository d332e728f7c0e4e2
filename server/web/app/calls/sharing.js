/**
 * One's camera in a call: shown to oneself first, to the companion only once the server has been told.
 *
 * Each call is asked anew, and each connection of it; to stop takes effect here before anybody is asked.
 */
import { ask, callOf, meta } from "../live.js";
import { calling } from "../ring.js";
import { toast } from "../toast.js";
import { effect, signal } from "../ui.js";
import { film, onFlowing, ownPicture, send, settings } from "./calling.js";
import { camera } from "./devices.js";
import { going } from "./phases.js";

/** "off", "asking", or "on": the companion may be shown pictures. */
export const sharing = signal("off");
/** The call for which the person has said yes before: it need not be explained twice. */
let agreed = "";

/** Why the server shut the camera last, until one shows it again or has read it. */
export const shut = signal(/** @type {import("./told.js").Unseen | ""} */ (""));
/** The word of the server's that was obeyed last. @type {object | null} */
let obeyed = null;

/** Whether this server's companions see at all. */
export function offered() {
  return Boolean(meta.value?.camera);
}

/** Whether the person was told in this call what it means. */
export function explained() {
  return agreed !== "" && agreed === calling.value?.call;
}

/** The person says yes: open the camera, tell the server, then send. @param {MediaStreamTrack} [track] */
export async function share(track) {
  const own = calling.peek();
  if (!own || sharing.peek() !== "off") return;
  sharing.value = "asking";
  shut.value = "";
  try {
    film(track ?? await camera());
    await tellServer();
  } catch (error) {
    unshare();
    toast(problem(error));
  }
}

/** Off at once; then the server is told, which has nothing to look at any more. */
export function unshare() {
  const own = calling.peek();
  const told = sharing.peek() !== "off";
  film(null);
  sharing.value = "off";
  if (own?.call && told) ask({ type: "call.camera", room: own.room, call: own.call, on: false }).catch(() => undefined);
}

/** Say yes for the call as it stands, and send where the connection carries it. */
async function tellServer() {
  const own = calling.peek();
  const mine = ownPicture.peek();
  if (!own?.call || !mine) return;
  sharing.value = "asking";
  await ask({ type: "call.camera", room: own.room, call: own.call, on: true });
  if (ownPicture.peek() !== mine) return; // it was switched off meanwhile
  if (!await send()) throw Object.assign(new Error("This connection carries no pictures."), { code: "no_pictures_here" });
  agreed = own.call;
  sharing.value = "on";
}

// A new connection of the call begins with the companion's eyes shut; so does one dialled with the camera on.
onFlowing.add(() => {
  const track = ownPicture.peek();
  if (!track) { sharing.value = "off"; return; }
  tellServer().catch((error) => { unshare(); toast(problem(error)); });
});

effect(() => { if (!going(calling.value)) { sharing.value = "off"; shut.value = ""; } });

// A picture was refused: the camera goes off here too, and it is said why. The call goes on.
effect(() => {
  const own = calling.value;
  const told = own && going(own) ? callOf(own.room) : undefined;
  if (!told?.shut || told.shut === obeyed || told.call !== own?.call) return;
  obeyed = told.shut;
  film(null);
  sharing.value = "off";
  shut.value = told.shut.why;
});

/** @param {any} error */
function problem(error) {
  if (error.trouble === "refused") return "The camera is blocked for this page.";
  if (error.trouble) return "The camera did not start.";
  if (error.code === "adults_only") return "Showing a camera is for adults.";
  if (error.code === "camera_closed") return "Your camera stays off in this call.";
  if (error.code === "camera_not_offered") return "Your companion cannot see: the model of this server takes no pictures.";
  return "Your camera is off: it could not be shown.";
}

/** How many pictures the companion was shown in this call. @param {string} room */
export function picturesSeen(room) {
  return settings.value.camera ? callOf(room)?.pictures ?? 0 : 0;
}
