// What must hold of what a server understood, given what the gate admitted.

// What CGI and its descendants take for the same name.
const fold = (name) => name.toLowerCase().replaceAll(/[_.]/g, "-");

// The number of the sending in a target.
export const tagOf = (target) => /\/any\/(\d{3})\//.exec(target)?.[1];

// What the gate says of who asks, once each.
const IDENTITY = {
  "x-keygate-app": "test",
  "x-keygate-key-id": "server",
  "x-keygate-kind": "secret",
  "x-keygate-environment": "live",
  "x-keygate-capability": undefined,
  "x-keygate-request-id": undefined,
  "x-forwarded-for": "127.0.0.1",
  "x-forwarded-host": "gate",
  "x-forwarded-proto": "http",
};

// Every way in which `seen`, the requests that a server understood, are not the requests that `log` admitted.
export function broken(seen, log) {
  const faults = [];
  const admitted = new Map(log.filter(wasAdmitted).map((line) => [line.request_id, line]));
  const met = new Set();
  for (const request of seen) {
    const what = `${request.method} ${request.target}`;
    faults.push(...falseIdentity(request.headers).map((fault) => `${what}: ${fault}`));
    const id = valuesOf(request.headers, "x-keygate-request-id").join();
    const line = admitted.get(id);
    if (!line) faults.push(`${what}: nobody admitted it (${id})`);
    else if (met.has(id)) faults.push(`${what}: admitted once, and understood twice`);
    else if (tagOf(line.path) !== tagOf(request.target)) faults.push(`${what}: admitted as ${line.path}`);
    met.add(id);
    if (request.target.includes("smuggled")) faults.push(`${what}: it was hidden in another`);
  }
  // What the server refused, or what ended before its body did, it need not have understood.
  for (const { request_id: id, status, path, method } of admitted.values()) {
    if (status === 200 && !met.has(id)) faults.push(`${method} ${path}: answered, and never understood`);
    // Nothing is wrong with an end: who answers it with an error has looked for its beginning somewhere else.
    if (path.endsWith("/end") && status >= 400) faults.push(`${method} ${path}: answered ${status}`);
  }
  return faults;
}

// A decision for a request, whatever became of it then: a broken body is found after it, and only what was decided has a route.
export function wasAdmitted({ outcome, reason, route }) {
  return outcome === "allow" || reason?.startsWith("upstream_") || (reason === "bad_request" && route !== undefined);
}

// Whether a client's word stands where the gate's should.
export function isSpoofed(headers) {
  return headers.some(([name, value]) => fold(name) in IDENTITY && value.includes("spoof"));
}

function falseIdentity(headers) {
  const faults = [];
  for (const [name, value] of Object.entries(IDENTITY)) {
    const values = valuesOf(headers, name);
    if (values.length !== 1) faults.push(`${name} stands there ${values.length} times`);
    else if (value !== undefined && values[0] !== value) faults.push(`${name} is ${values[0]}`);
  }
  if (isSpoofed(headers)) faults.push("a client says who it is");
  for (const [name, value] of headers) {
    const ours = /^(x-keygate-|x-forwarded-|forwarded$|x-real-ip$)/.test(fold(name));
    if (ours && !(fold(name) in IDENTITY)) faults.push(`${name}: ${value}`);
  }
  return faults;
}

function valuesOf(headers, name) {
  return headers.filter(([other]) => fold(other) === name).map(([, value]) => value);
}
