// The servers of the garden: how each is started, and what it said that it understood.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Program, folder, freePort, listening, tryingPorts } from "../lib/machine.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: here(".") };
const python = (name, port) => new Program(`${process.env.VENV}/bin/python`, [here("echo.py"), name, String(port)], { env });

// Every server is as lenient as it can be told to be: a strict one would hide what the gate lets through.
const STARTS = {
  aiohttp: python,
  cheroot: python,
  gunicorn: python,
  hypercorn: python,
  tornado: python,
  twisted: python,
  "uvicorn-h11": python,
  "uvicorn-httptools": python,
  waitress: python,
  werkzeug: python,
  node: (_, port) => new Program(process.execPath, [here("echo.mjs"), String(port)]),
  php: (_, port) => new Program(process.env.PHP, ["-S", `127.0.0.1:${port}`, here("echo.php")]),
  nginx: (_, port, cgi) => {
    const at = configured("nginx.conf", (at) => `
      daemon off; master_process off; pid ${at}/pid; error_log stderr crit;
      events {}
      http {
        access_log off; underscores_in_headers on; ignore_invalid_headers off; merge_slashes off; large_client_header_buffers 4 32k;
        client_body_temp_path ${at}/a; proxy_temp_path ${at}/b; fastcgi_temp_path ${at}/c; uwsgi_temp_path ${at}/d; scgi_temp_path ${at}/e;
        server {
          listen 127.0.0.1:${port};
          location / {
            scgi_param REQUEST_METHOD $request_method; scgi_param REQUEST_URI $request_uri; scgi_param CONTENT_LENGTH $content_length;
            scgi_param SCGI 1; scgi_pass 127.0.0.1:${cgi};
          }
        }
      }`);
    return new Program(process.env.NGINX, ["-p", at, "-e", "stderr", "-c", join(at, "nginx.conf")]);
  },
  lighttpd: (_, port, cgi) => {
    const at = configured("lighttpd.conf", (at) => `
      server.document-root = "${at}"
      server.bind = "127.0.0.1"
      server.port = ${port}
      server.modules = ( "mod_scgi" )
      server.http-parseopts = ( "header-strict" => "disable", "host-strict" => "disable", "host-normalize" => "disable",
        "url-normalize" => "disable", "method-get-body" => "enable" )
      scgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => ${cgi}, "check-local" => "disable" )) )
      `);
    return new Program(process.env.LIGHTTPD, ["-D", "-f", join(at, "lighttpd.conf")]);
  },
  apache: (_, port, cgi) => {
    const module = (name) => `LoadModule ${name}_module ${process.env.APACHE_MODULES}/mod_${name}.so`;
    const at = configured("apache.conf", (at) => `
      ServerRoot ${at}
      ServerName garden
      PidFile ${at}/pid
      ErrorLog ${at}/error.log
      LogLevel crit
      Listen 127.0.0.1:${port}
      ${["mpm_event", "authz_core", "proxy", "proxy_scgi"].map(module).join("\n")}
      User #65534
      Group #65534
      HttpProtocolOptions Unsafe LenientMethods Allow0.9
      AllowEncodedSlashes NoDecode
      MergeSlashes Off
      ProxyPass / scgi://127.0.0.1:${cgi}/
      `);
    return new Program(process.env.APACHE, ["-D", "FOREGROUND", "-f", join(at, "apache.conf")]);
  },
};

export const NAMES = Object.keys(STARTS);

function configured(name, text) {
  const at = folder();
  writeFileSync(join(at, name), text(at));
  return at;
}

// A server that runs, and what it understood.
export class Server {
  static start(name) {
    return tryingPorts(() => Server.once(name));
  }

  static async once(name) {
    const server = new Server();
    server.name = name;
    server.port = await freePort();
    let cgi;
    if (STARTS[name].length === 3) {
      cgi = await freePort();
      server.application = python("scgi", cgi);
      await listening(cgi, server.application);
    }
    server.program = STARTS[name](name, server.port, cgi);
    await listening(server.port, server.program);
    return server;
  }

  // Every request so far whose head it understood, with the length of the body where it read one.
  get requests() {
    const all = new Map();
    for (const line of (this.application ?? this.program).lines) {
      if (!line.startsWith('{"number"')) continue;
      const { number, ...said } = JSON.parse(line);
      all.set(number, { ...all.get(number), ...said });
    }
    return [...all.values()];
  }

  // Ends it, so that nothing more will be understood.
  async stop() {
    for (const program of [this.program, this.application]) {
      if (program) await Promise.race([program.stop(), killed(program)]);
    }
  }
}

// Some wait for idle connections longer than anybody will.
async function killed(program) {
  await new Promise((resolve) => setTimeout(resolve, 3000).unref());
  return program.stop("SIGKILL");
}
