"""One message over a WebSocket, from inside the cluster; run in a pod by the tests.

Arguments: the URL, a bearer token, the message. Prints every message up to the end of the answer as a JSON
list, or the status with which the handshake was refused.
"""

import asyncio
import json
import sys

import aiohttp

url, token, message = sys.argv[1:]


async def main() -> object:
    """What came."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session:
        try:
            socket = await session.ws_connect(url, headers=headers, protocols=("gagarin.v1",))
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        came = [await socket.receive_json()]
        await socket.send_str(message)
        while came[-1]["type"] not in ("done", "error"):
            came.append(await socket.receive_json())
        await socket.close()
        return came


sys.stdout.write(json.dumps(asyncio.run(asyncio.wait_for(main(), 30))))
