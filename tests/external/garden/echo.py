"""Says what a server understood of each request: one JSON line when its head is there, one with the length of its body.

    python echo.py SERVER PORT

starts that server on a loopback port. The servers of the list at the end each call one of the applications here, by whatever interface
they have. Every application answers 200 with the target; one whose target says `unread` answers before it has read the body, as
handlers do that need no body.
"""

import asyncio
import itertools
import json
import os
import sys

HOST = "127.0.0.1"
count = itertools.count()


def seen(method, target, headers):
    """Writes what was understood. Returns its number, for `read`."""
    number = f"{os.getpid()}.{next(count)}"
    write({"number": number, "method": method, "target": target, "headers": headers})
    return number


def read(number, length):
    """Writes how long the body was."""
    write({"number": number, "length": length})


def write(line):
    # One write each, shorter than what a pipe takes in one piece: lines of several threads do not mix.
    os.write(1, (json.dumps(line) + "\n").encode())


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def by_cgi(variables):
    """The headers as CGI hands them over: folded."""
    folded = [[name[5:], value] for name, value in variables.items() if name.startswith("HTTP_")]
    return folded + [[name, variables[name]] for name in ("CONTENT_LENGTH", "CONTENT_TYPE") if variables.get(name)]


def wsgi(environ, start_response):
    query = "?" + environ["QUERY_STRING"] if environ.get("QUERY_STRING") else ""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"] + query
    number = seen(environ["REQUEST_METHOD"], target, by_cgi(environ))
    if "unread" not in target:
        length = environ.get("CONTENT_LENGTH")
        if length:
            read(number, len(environ["wsgi.input"].read(int(length))))
        elif environ.get("HTTP_TRANSFER_ENCODING"):
            read(number, len(environ["wsgi.input"].read()))
    answer = target.encode("latin-1", "replace")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    # Not every server takes the body from the answer to a HEAD.
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer]


async def asgi(scope, receive, send):
    target = text(scope.get("raw_path") or scope.get("path", ""))
    if scope.get("query_string") and "?" not in target:
        target += "?" + text(scope["query_string"])
    headers = [[text(name), text(value)] for name, value in scope["headers"]]
    number = seen(scope.get("method", "websocket"), target, headers)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    if "unread" not in target:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            length, more = length + len(message.get("body", b"")), message.get("more_body", False)
        read(number, length)
    answer = target.encode()
    head = [(b"content-type", b"text/plain"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


def aiohttp(port):
    from aiohttp import web

    async def handle(request):
        headers = [[text(name), text(value)] for name, value in request.raw_headers]
        number = seen(request.method, request.raw_path, headers)
        if "unread" not in request.raw_path:
            read(number, len(await request.read()))
        return web.Response(text=request.raw_path)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


def tornado(port):
    from tornado.httpserver import HTTPServer
    from tornado.httputil import HTTPHeaders, ResponseStartLine

    def handle(request):
        number = seen(request.method, request.uri, [[name, value] for name, value in request.headers.get_all()])
        read(number, len(request.body))
        answer = request.uri.encode()
        head = HTTPHeaders({"Content-Type": "text/plain", "Content-Length": str(len(answer))})
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), head, None if request.method == "HEAD" else answer)
        request.connection.finish()

    async def serve():
        HTTPServer(handle).listen(port, HOST)
        await asyncio.Event().wait()

    asyncio.run(serve())


def twisted(port):
    from twisted.internet import reactor
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    class Echo(Resource):
        isLeaf = True

        def render(self, request):
            headers = [[text(name), text(value)] for name, all in request.requestHeaders.getAllRawHeaders() for value in all]
            target = text(request.uri)
            number = seen(text(request.method), target, headers)
            if "unread" not in target:
                read(number, len(request.content.read()))
            return request.uri

    reactor.listenTCP(port, Site(Echo()), interface=HOST)
    reactor.run()


def cheroot(port):
    from cheroot.wsgi import Server

    server = Server((HOST, port), wsgi)
    try:
        server.start()
    finally:
        server.stop()


def werkzeug(port):
    from werkzeug.serving import WSGIRequestHandler, run_simple

    # Keeps connections, which its default of HTTP/1.0 does not.
    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

    run_simple(HOST, port, wsgi, threaded=True, request_handler=Handler)


def scgi(port):
    """What stands behind nginx, lighttpd and Apache: they parse, and hand over what CGI knows."""

    async def handle(reader, writer):
        try:
            length = int((await reader.readuntil(b":"))[:-1])
            fields = (await reader.readexactly(length))[:-1].split(b"\0")
            await reader.readexactly(1)
            pairs = [(text(name), text(value)) for name, value in zip(fields[::2], fields[1::2])]
            variables = dict(pairs)
            target = variables["REQUEST_URI"]
            # All pairs, for a server may well send a name twice.
            headers = [pair for name, value in pairs for pair in by_cgi({name: value})]
            number = seen(variables["REQUEST_METHOD"], target, headers)
            if "unread" not in target:
                read(number, len(await reader.readexactly(int(variables.get("CONTENT_LENGTH") or 0))))
            writer.write(b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n" + target.encode("latin-1"))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def serve():
        server = await asyncio.start_server(handle, HOST, port)
        await server.serve_forever()

    asyncio.run(serve())


def gunicorn(port):
    from gunicorn.app.wsgiapp import run

    # As lenient as it can be told to be.
    lenient = ["--header-map", "dangerous", "--permit-obsolete-folding", "--strip-header-spaces",
               "--permit-unconventional-http-method", "--permit-unconventional-http-version"]
    sys.argv = ["gunicorn", "-b", f"{HOST}:{port}", "-k", "gthread", "--threads", "4", *lenient, "echo:wsgi"]
    run()


def waitress(port):
    from waitress import serve

    serve(wsgi, host=HOST, port=port, threads=4, clear_untrusted_proxy_headers=False, _quiet=True)


def uvicorn(port, parser):
    import uvicorn

    uvicorn.run(asgi, host=HOST, port=port, http=parser, lifespan="off", access_log=False, log_level="warning")


def hypercorn(port):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            await asgi(scope, receive, send)

    config = Config.from_mapping(bind=[f"{HOST}:{port}"])
    asyncio.run(serve(app, config))


SERVERS = {
    "aiohttp": aiohttp,
    "cheroot": cheroot,
    "gunicorn": gunicorn,
    "hypercorn": hypercorn,
    "scgi": scgi,
    "tornado": tornado,
    "twisted": twisted,
    "uvicorn-h11": lambda port: uvicorn(port, "h11"),
    "uvicorn-httptools": lambda port: uvicorn(port, "httptools"),
    "waitress": waitress,
    "werkzeug": werkzeug,
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
