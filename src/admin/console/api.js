// The management API of the gate that this page came from: JSON with a Bearer token, and problems (RFC 9457) as errors.

const TOKEN = "keygate.token";
let ended = () => {};

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (text) => sessionStorage.setItem(TOKEN, text),
  forget: () => sessionStorage.removeItem(TOKEN),
  // Calls back when the gate no longer takes the token.
  onEnd: (callback) => (ended = callback),
};

// What the gate answered instead of doing it. `status` is 0 where it did not answer.
export class Problem extends Error {
  constructor(status, { title, detail, code, errors } = {}) {
    super(detail ?? title ?? (status ? `The gate answered ${status}.` : "The gate does not answer. Is it running?"));
    this.status = status;
    this.code = code;
    // Of fields, each `{ path, message }`.
    this.errors = errors ?? [];
  }
}

// `query` without what is empty; `version` makes the change only if the key still has it; `once` names the request, so that sending
// it again does not do it twice.
export async function call(method, path, { query, body, version, once, signal } = {}) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  if (version !== undefined) headers["if-match"] = `"${version}"`;
  if (once) headers["idempotency-key"] = once;
  const answer = await send(path + asQuery(query), { method, headers, body: body && JSON.stringify(body), signal });
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, query, signal) => call("GET", path, { query, signal });

// All of a list that comes in pages, in the order of their ids: for what is chosen from.
export async function all(path, signal) {
  const items = [];
  for (let cursor; ; ) {
    const page = await get(path, { cursor, limit: 1000 }, signal);
    items.push(...page.items);
    cursor = page.next;
    if (!cursor) return items;
  }
}

// A file that the gate writes out. It is read with the token, so a plain link cannot do it.
export async function download(path, query, name) {
  const answer = await send(path + asQuery(query), {});
  const url = URL.createObjectURL(await answer.blob());
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.click();
  URL.revokeObjectURL(url);
}

// Server-sent events over fetch, because an EventSource cannot carry the token (WHATWG HTML, section 9.2). Calls `take` with the name and
// the data of each, and returns when the stream ends.
export async function events(path, { signal, opened, take }) {
  const answer = await send(path, { headers: { accept: "text/event-stream" }, signal });
  opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const of = (field) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ""));
      const data = of("data");
      if (data.length) take(of("event").pop() ?? "message", data.join("\n"));
    }
  }
}

async function send(path, options) {
  const headers = { authorization: `Bearer ${token.get()}`, ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (answer.ok) return answer;
  const problem = new Problem(answer.status, await answer.json().catch(() => ({})));
  if (answer.status === 401) ended(problem);
  throw problem;
}

function asQuery(query = {}) {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return said.length ? `?${new URLSearchParams(said)}` : "";
}
