"""One chat after the other from inside the cluster for some seconds, each on a new connection.

Arguments: the URL of /chat, a token, seconds. Prints {"answered": count, "failed": ["what happened", ...]}.
"""

import json
import sys
import time
import urllib.request

url, token, seconds = sys.argv[1:4]
headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
until = time.monotonic() + float(seconds)
answered, failed = 0, []
while time.monotonic() < until:
    request = urllib.request.Request(url, data=b'{"input": "Hello"}', headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()
            answered += 1
    except OSError as error:
        failed.append(str(error))
    time.sleep(0.02)
print(json.dumps({"answered": answered, "failed": failed}))
