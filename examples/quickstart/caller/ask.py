"""Ask the Instance `hello` two questions: the first gets a whole answer, the second one as it is written.

Both belong to one conversation. Only the standard library is needed to be a client.
"""

import http.client
import json
import sys
from pathlib import Path

HOST = "hello.gagarin-quickstart.svc"
TOKEN = Path("/var/run/secrets/hello/token").read_text()


def ask(path: str, accept: str, message: dict[str, str]) -> http.client.HTTPResponse:
    """The open response. Ends the program with the server's own words when it refuses."""
    connection = http.client.HTTPConnection(HOST, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Accept": accept}
    connection.request("POST", path, json.dumps(message), headers)
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(f"POST {path}: {response.status} {response.read().decode()}")
    return response


first, second = sys.argv[1:3]

print(f"POST /chat    {first}")
answer = json.load(ask("/chat", "application/json", {"input": first}))
print(f"  {answer['answer']}")

print(f"POST /stream  {second}\n  ", end="", flush=True)
stream = ask("/stream", "text/plain", {"input": second, "conversation": answer["conversation"]})
while chunk := stream.read1():
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
print()
