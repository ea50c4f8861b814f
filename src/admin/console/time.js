// Moments and spans for people: in the zone of the browser, with UTC as the title.

import { h } from "./dom.js";

const LOCAL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

const utc = (date) => `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;

// `22 Nov 2026, 14:03`
export const at = (text) => text && moment(text, (date) => LOCAL.format(date));

// `14:03:07`
export const clock = (text) => moment(text, (date) => CLOCK.format(date));

// `12 minutes ago`
export const ago = (text) => text && moment(text, (date) => relative(date - Date.now()));

export const localText = (text) => LOCAL.format(new Date(text));

function moment(text, write) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return h("time", { datetime: date.toISOString(), title: utc(date) }, write(date));
}

function relative(ms) {
  const seconds = Math.round(ms / 1000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return RELATIVE.format(Math.trunc(seconds / size), unit);
}

// `23 h 59 min 07 s`: all of it that is not zero in front.
export function span(ms) {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const [days, hours, minutes, seconds] = [Math.floor(all / 86_400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
  const parts = [[days, "d"], [hours, "h"], [minutes, "min"], [seconds, "s"]];
  const first = Math.min(parts.findIndex(([count]) => count > 0) >>> 0, 3);
  return parts.slice(first).map(([count, unit], place) => `${place ? String(count).padStart(2, "0") : count} ${unit}`).join(" ");
}

// What is left until `end`, every second for the eye; to screen readers it is said when little is left, not sixty times a minute.
export function countdown(end, signal, over) {
  const until = Date.parse(end);
  const left = () => until - Date.now();
  const shown = h("span", { class: "countdown", "aria-hidden": "true" });
  const said = h("span", { class: "hidden", role: "status" });
  const marks = [86_400_000, 3_600_000, 600_000, 60_000].filter((mark) => mark < left());
  said.textContent = `ends in ${span(left())}`;
  const tick = () => {
    if (signal.aborted) return;
    shown.textContent = span(left());
    if (marks.length && left() <= marks[0]) said.textContent = `ends in ${span(marks.shift())}`;
    if (left() <= 0) {
      said.textContent = "ended";
      over();
    } else setTimeout(tick, Math.min(left(), 1000 - (Date.now() % 1000)));
  };
  tick();
  return h("span", {}, shown, said);
}

// Does `work` again and again while the page is looked at, until `signal`.
export function every(ms, signal, work) {
  const again = async () => {
    if (signal.aborted) return;
    if (!document.hidden) await work().catch(() => {});
    if (!signal.aborted) setTimeout(again, ms);
  };
  setTimeout(again, ms);
}

// A field's `datetime-local` ↔ RFC 3339. What is typed there is in the zone of the browser.
export function asField(text) {
  if (!text) return "";
  const date = new Date(text);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export const fromField = (text) => (text ? new Date(text).toISOString().replace(".000Z", "Z") : undefined);
