/** Back to a call of one's own that goes on: on the same meter, by the touch that asked for it. */
import { calling, wantedKind } from "../ring.js";
import { go } from "../router.js";
import { dial } from "./calling.js";
import { microphone } from "./devices.js";
import { audio } from "./level.js";

/** @param {import("./told.js").Told & { room: string }} call */
export async function comeBack(call) {
  audio(); // this touch lets the page sound
  wantedKind.value = call.kind;
  const track = await microphone().catch(() => null);
  calling.value = null;
  // Without a microphone the device check says why, and offers to listen; it knows of the call too.
  if (track) void dial({ room: call.room, kind: call.kind, microphone: track, call: call.call });
  go(`/chats/${call.room}/call`);
}
