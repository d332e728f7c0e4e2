/** What a person agrees to before or during a call, told to the server, which keeps when and to what. */
import { api } from "../api.js";

/** @param {string[]} purposes */
export async function agree(purposes) {
  for (const purpose of purposes) await api("POST", "privacy/consents", { body: { purpose, granted: true } });
}
