"""One HTTP request from inside the cluster, as JSON in and JSON out; run in a pod by the tests.

Argument: {"url", "method", "headers", "body", "ca"}; a body of text goes as it is, any other as JSON; `ca`,
PEM or null, is the one authority to trust.
Prints {"status", "headers", "text"}, or {"error"} when the connection fails or breaks: the tests tell a
refused answer from a cut one by that.
"""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

CONNECT_SECONDS = 3

asked = json.loads(sys.argv[1])
body = asked["body"] if isinstance(asked["body"], str) else json.dumps(asked["body"])
request = urllib.request.Request(
    asked["url"],
    data=None if asked["body"] is None else body.encode(),
    headers={"Content-Type": "application/json", **asked["headers"]},
    method=asked["method"],
)
try:
    # A connection begun a moment before the node knows the Service is lost, however long it is waited for.
    where = urllib.parse.urlsplit(asked["url"])
    port = where.port or (443 if where.scheme == "https" else 80)
    socket.create_connection((where.hostname, port), timeout=CONNECT_SECONDS).close()
    trust = ssl.create_default_context(cadata=asked["ca"]) if asked["ca"] else None
    response = urllib.request.urlopen(request, timeout=60, context=trust)
except urllib.error.HTTPError as error:
    response = error
except OSError as error:
    print(json.dumps({"error": str(error)}))
    sys.exit()
try:
    text = response.read().decode()
    print(json.dumps({"status": response.status, "headers": dict(response.headers), "text": text}))
except (OSError, ValueError) as error:
    print(json.dumps({"error": repr(error)}))
