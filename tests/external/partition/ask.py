"""Asks the gate with the key on each line, and prints the status; 0 where there is no answer, as for a request whose key ends under way."""

import http.client
import sys

for key in sys.stdin:
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=30)
    try:
        connection.request("GET", "/any", headers={"x-api-key": key.strip()})
        print(connection.getresponse().status, flush=True)
    except (http.client.HTTPException, OSError):
        print(0, flush=True)
    finally:
        connection.close()
