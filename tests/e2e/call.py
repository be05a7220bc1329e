"""One HTTP request from inside the cluster, as JSON in and JSON out; run in a pod by the tests.

Argument: {"url", "method", "headers", "body", "ca"}; `ca`, PEM or null, is the one authority to trust.
Prints {"status", "headers", "text"}, or {"error"} when the connection fails or breaks: the tests tell a
refused answer from a cut one by that.
"""

import json
import ssl
import sys
import urllib.error
import urllib.request

asked = json.loads(sys.argv[1])
request = urllib.request.Request(
    asked["url"],
    data=None if asked["body"] is None else json.dumps(asked["body"]).encode(),
    headers={"Content-Type": "application/json", **asked["headers"]},
    method=asked["method"],
)
try:
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
