"""HTTP tools: what is sent, and what the model is told of the answer."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gagarin.core.config import Header, HttpEndpoint, ToolAuth, ToolFunction
from gagarin.server.tools import http
from gagarin.server.tools.tool import Tool, ToolResult
from tests.unit.server.certificates import self_signed
from tests.unit.server.tools.making import made
from tests.unit.server.tools.server import ToolServer, endless, hanging, saying
from tests.unit.server.turning import context
from tests.unit.server.waiting import happens

FUNCTIONS = (
    ToolFunction(name="forecast", description="Tells it.", parameters={"properties": {"city": {}}}),
    ToolFunction(name="now"),
)


class Rig:
    """An HTTP tool at the server of the test."""

    def __init__(self, session: aiohttp.ClientSession, server: ToolServer, folder: Path) -> None:
        self.session = session
        self.server = server
        self.folder = folder

    def tool(self, path: str = "/hook", **changed: Any) -> Tool:
        members = {
            name: changed.pop(name)
            for name in list(changed)
            if name in ("auth", "allowed_functions", "ca_bundle")
        }
        target = HttpEndpoint(
            **{"url": self.server.url + path, "functions": FUNCTIONS, "timeout": 5.0, **changed}
        )
        return made(self.session, self.folder, type="HTTP", http=target, **members)

    async def call(
        self, arguments: dict[str, Any] | None = None, tool: Tool | None = None, **changed: Any
    ) -> ToolResult:
        used = tool or self.tool(**changed)
        return await used.call(
            "forecast", arguments or {"city": "Riga"}, context(trace={"traceparent": "00-a"})
        )

    def secret(self, name: str, value: str) -> str:
        (self.folder / name).write_text(value)
        return name


@pytest.fixture
def rig(session: aiohttp.ClientSession, server: ToolServer, tmp_path: Path) -> Rig:
    return Rig(session, server, tmp_path)


async def test_it_offers_its_functions_with_schemas_of_objects(rig: Rig) -> None:
    forecast, now = await rig.tool().functions()
    assert forecast.parameters == {"type": "object", "properties": {"city": {}}}
    assert now.parameters == {"type": "object", "properties": {}}


async def test_functions_that_are_not_allowed_are_not_offered(rig: Rig) -> None:
    assert [one.name for one in await rig.tool(allowed_functions=("now",)).functions()] == ["now"]


async def test_the_arguments_are_the_body(rig: Rig) -> None:
    assert await rig.call() == ToolResult('{"ok":true}')
    (got,) = rig.server.got
    assert (got.method, got.path, got.json) == ("POST", "/hook", {"city": "Riga"})
    assert (got.headers["Content-Type"], got.headers["traceparent"]) == ("application/json", "00-a")


async def test_the_name_may_be_sent_with_them(rig: Rig) -> None:
    await rig.call(body_format="NameAndArguments", method="PUT")
    (got,) = rig.server.got
    assert (got.method, got.json) == ("PUT", {"name": "forecast", "arguments": {"city": "Riga"}})


async def test_they_may_be_query_parameters(rig: Rig) -> None:
    arguments = {
        "city": "São/Paulo&x=1",
        "days": 3,
        "tags": ["a", "b"],
        "where": {"x": 1},
        "none": None,
        "yes": True,
    }
    await rig.call(arguments, path="/hook?key=v", body_format="Query", method="GET")
    (got,) = rig.server.got
    assert (got.method, got.body) == ("GET", b"")
    assert list(URL(got.path).query.items()) == [
        ("key", "v"),
        ("city", "São/Paulo&x=1"),
        ("days", "3"),
        ("tags", "a"),
        ("tags", "b"),
        ("where", '{"x":1}'),
        ("yes", "true"),
    ]


async def test_headers_and_credentials_come_from_their_files(rig: Rig) -> None:
    headers = (
        Header(name="X-Plain", value="v"),
        Header(name="X-File", value_file=rig.secret("extra", "from file\n")),
    )
    auth = ToolAuth(type="Bearer", value_file=rig.secret("token", "abc"))
    await rig.call(headers=headers, auth=auth)
    got = rig.server.got[0].headers
    assert (got["X-Plain"], got["X-File"], got["Authorization"]) == ("v", "from file", "Bearer abc")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (ToolAuth(type="Basic", username_file="user", password_file="pass"), "Authorization", "Basic dTpw"),
        (ToolAuth(type="Header", header="X-Key", value_file="user"), "X-Key", "u"),
    ],
)
async def test_each_kind_of_credential(rig: Rig, auth: ToolAuth, header: str, value: str) -> None:
    rig.secret("user", "u")
    rig.secret("pass", "p")
    await rig.call(auth=auth)
    assert rig.server.got[0].headers[header] == value


async def test_a_rotated_credential_is_used_by_the_next_call(rig: Rig) -> None:
    tool = rig.tool(auth=ToolAuth(type="Bearer", value_file=rig.secret("token", "old")))
    await rig.call(tool=tool)
    rig.secret("token", "newer")
    await rig.call(tool=tool)
    assert [got.headers["Authorization"] for got in rig.server.got] == ["Bearer old", "Bearer newer"]


async def test_after_a_401_the_credential_is_read_again(rig: Rig) -> None:
    tool = rig.tool(auth=ToolAuth(type="Bearer", value_file=rig.secret("token", "old")))

    async def rotate(request: Any) -> Any:
        rig.secret("token", "new")
        return await saying("no", 401)(request)

    rig.server.behaviours = [rotate]
    assert not (await rig.call(tool=tool)).error
    assert [got.headers["Authorization"] for got in rig.server.got] == ["Bearer old", "Bearer new"]


async def test_a_401_with_the_same_credential_is_not_tried_again(rig: Rig) -> None:
    rig.server.behaviours = [saying("no", 401)]
    result = await rig.call(auth=ToolAuth(type="Bearer", value_file=rig.secret("token", "old")))
    assert result == ToolResult("The tool answered with status 401. no", error=True)
    assert len(rig.server.got) == 1


async def test_a_credential_that_is_missing_is_a_failed_call(rig: Rig) -> None:
    result = await rig.call(auth=ToolAuth(type="Bearer", value_file="none"))
    assert result.error
    assert not rig.server.got


async def test_a_credential_with_line_ends_is_a_failed_call(rig: Rig) -> None:
    result = await rig.call(auth=ToolAuth(type="Bearer", value_file=rig.secret("token", "a\nX-Evil: b")))
    assert result == ToolResult(
        "The tool failed: the request cannot be sent: a header or the URL is malformed.", error=True
    )


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (saying('{"a": [1]}'), '{"a": [1]}'),
        (saying("Grüße".encode("latin-1"), content_type="text/plain; charset=latin-1"), "Grüße"),
        (saying(b"\xff ok", content_type="text/plain"), "\ufffd ok"),
        (saying("plain", content_type=""), "plain"),
        (
            saying("x", content_type="text/plain; charset=nonsense"),
            "[Binary data of type text/plain, 1 bytes; it cannot be shown.]",
        ),
        (
            saying(b"\x89PNG\0\0", content_type="image/png"),
            "[Binary data of type image/png, 6 bytes; it cannot be shown.]",
        ),
        (
            saying(b"\xff\xfe", content_type="application/pdf"),
            "[Binary data of type application/pdf, 2 bytes; it cannot be shown.]",
        ),
        (saying(b"", status=204, content_type=""), "(The answer is empty, with status 204.)"),
    ],
)
async def test_an_answer_is_text_or_described(rig: Rig, behaviour: Any, text: str) -> None:
    rig.server.behaviours = [behaviour]
    assert await rig.call() == ToolResult(text)


async def test_an_error_answer_is_an_error_with_its_text_bounded(rig: Rig) -> None:
    rig.server.behaviours = [saying("x" * 10_000, 500, "text/plain")]
    result = await rig.call()
    assert result.error
    assert result.text.startswith("The tool answered with status 500. xxx")
    assert len(result.text) < 5_000


@pytest.mark.parametrize("behaviour", [saying(b"x" * 10_000_000, content_type="text/plain"), endless])
async def test_of_a_huge_answer_only_the_beginning_is_read(rig: Rig, behaviour: Any) -> None:
    rig.server.behaviours = [behaviour]
    result = await rig.call()
    assert result.text.endswith("[The answer is longer; these are its first 400000 bytes.]")
    assert not result.error


async def test_huge_binary_data_is_described(rig: Rig) -> None:
    rig.server.behaviours = [saying(b"\0" * 10_000_000, content_type="image/png")]
    assert (
        await rig.call()
    ).text == "[Binary data of type image/png, more than 400000 bytes; it cannot be shown.]"


async def test_a_tool_that_hangs_is_given_up_after_its_time(rig: Rig) -> None:
    rig.server.behaviours = [hanging]
    assert await rig.call(timeout=0.5) == ToolResult(
        "The tool failed: it did not answer within 0.5 s.", error=True
    )
    await happens(rig.server.abandoned)


async def test_a_tool_that_is_down_is_called_again_once_it_is_up(rig: Rig) -> None:
    tool = rig.tool()
    await rig.server.stop()
    assert await rig.call(tool=tool) == ToolResult(
        "The tool failed: it cannot be reached: connection refused.", error=True
    )
    await rig.server.start()
    assert not (await rig.call(tool=tool)).error


@pytest.mark.parametrize(
    ("status", "method", "body"), [(307, "POST", True), (308, "POST", True), (302, "GET", False)]
)
async def test_redirects_on_the_same_server_are_followed(
    rig: Rig, status: int, method: str, *, body: bool
) -> None:
    rig.server.behaviours = [saying("", status, Location="/moved")]
    assert await rig.call() == ToolResult('{"ok":true}')
    got = rig.server.got[1]
    assert (got.method, got.path, bool(got.body), "Content-Type" in got.headers) == (
        method,
        "/moved",
        body,
        body,
    )


@pytest.mark.parametrize("location", ["http://other.example/", "http://169.254.169.254/latest"])
async def test_redirects_to_other_servers_are_refused(rig: Rig, location: str) -> None:
    rig.server.behaviours = [saying("", 307, Location=location)]
    assert await rig.call() == ToolResult(
        "The tool failed: it redirects to another server, which is not followed.", error=True
    )


async def test_redirects_in_a_circle_end(rig: Rig) -> None:
    rig.server.behaviours = [saying("", 307, Location="/hook")] * 20
    assert (await rig.call()).text == "The tool failed: it redirects too often."


async def test_a_metadata_service_is_no_tool(rig: Rig) -> None:
    result = await rig.call(url="http://169.254.169.254/latest/meta-data")
    assert "metadata service" in result.text


async def test_a_url_that_is_none_is_a_failed_call(rig: Rig) -> None:
    assert (await rig.call(url="http://[bad/")).text == "The tool failed: its URL is wrong."


async def test_a_private_authority_is_trusted_when_it_is_given(rig: Rig, tmp_path: Path) -> None:
    certificate, key = self_signed("localhost")
    (tmp_path / "pair.pem").write_text(certificate + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pair.pem")
    await rig.server.stop()
    await rig.server.start(tls)
    url = f"https://localhost:{rig.server.port}/hook"
    refused = await rig.call(url=url)
    assert refused.text == "The tool failed: it cannot be reached: its certificate is not trusted."
    assert not (await rig.call(url=url, ca_bundle=certificate)).error


def test_a_value_in_a_url_is_text_as_it_is_or_json() -> None:
    assert [http.as_text(one) for one in ("a", 1, 1.5, True, [1])] == ["a", "1", "1.5", "true", "[1]"]
