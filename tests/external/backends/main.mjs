import { run } from "../lib/suite.mjs";
import { mosquitto } from "./mosquitto.mjs";
import { socketio } from "./socketio.mjs";

await run(mosquitto, socketio);
