// Who is signed in, and what they may do. The gate decides that for itself at every call: here it is for what is shown.

import { get, token } from "./api.js";
import { byId } from "./dom.js";

// What a role adds to what is shown: `gate` is all that is not a key, `manage` changes keys and connections, `own` is operators.
const MAY = { viewer: ["gate"], operator: ["gate", "manage"], owner: ["gate", "manage", "own"], app: ["manage"] };

let caller = null;

export const may = (what) => MAY[caller?.role]?.includes(what) ?? false;

export const signedIn = () => caller !== null;

// The actor as the audit trail has it, and for a key that manages its own application, that.
export const me = () => caller;

export async function begin() {
  caller = await get("/v1/whoami");
  byId("who-name").textContent = caller.name || caller.actor;
  byId("who-role").textContent = caller.role === "app" ? `keys of ${caller.app}, ${caller.environment}` : caller.role;
  for (const link of document.querySelectorAll("#nav [data-needs]")) link.hidden = !may(link.dataset.needs);
  shown(true);
}

export function end() {
  token.forget();
  caller = null;
  shown(false);
}

function shown(is) {
  for (const id of ["nav", "who", "main"]) byId(id).hidden = !is;
  byId("sign-in").hidden = is;
}
