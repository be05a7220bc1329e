"""A port's certificate: new ones are taken, broken ones are not, open connections go on."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gagarin.server.listeners import Listener
from gagarin.serving import certificate
from gagarin.serving.certificate import Certificate
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log
from tests.unit.server.certificates import self_signed

CHAIN, KEY = "team-a/helper/tls.crt", "team-a/helper/tls.key"


class Rig:
    """A certificate in a folder, and a server that shows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sink = io.BytesIO()
        self.log = Log("info", self.sink)
        self.write("one")
        self.certificate = Certificate(folder / CHAIN, folder / KEY, self.log)
        self.port = 0

    def write(self, name: str, *, with_key: bool = True) -> None:
        """Replace the files as the kubelet does."""
        texts = dict(zip((CHAIN, KEY), self_signed(name), strict=True))
        if not with_key:
            del texts[KEY]
        for file, text in texts.items():
            self.put(file, text)

    def put(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text)
        new.rename(path)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="helper")

    async def shown(self) -> str:
        """The name in the certificate that a new connection is shown."""
        _, writer = await self.connect()
        name = shown_to(writer)
        writer.close()
        await writer.wait_closed()
        return name

    def logged(self) -> str:
        self.log.flush()
        return self.sink.getvalue().decode()


def shown_to(writer: asyncio.StreamWriter) -> str:
    found = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    return str(found.subject.rfc4514_string().removeprefix("CN="))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    app = web.Application()

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app.router.add_get("/", hello)
    listener = Listener(app)
    made.port = await listener.listen("127.0.0.1", 0, made.certificate.context)
    yield made
    await listener.drain(0)


async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(rig: Rig) -> None:
    reader, writer = await rig.connect()
    assert shown_to(writer) == "one"
    rig.write("two")
    rig.certificate.look()
    assert await rig.shown() == "two"
    assert "new certificate" in rig.logged()
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


async def test_nothing_is_loaded_while_nothing_changes(rig: Rig) -> None:
    before = rig.certificate._newest
    rig.certificate.look()
    assert rig.certificate._newest is before
    assert rig.logged() == ""


async def test_a_certificate_without_its_key_is_not_taken_until_the_key_is_there(rig: Rig) -> None:
    rig.write("two", with_key=False)
    rig.certificate.look()
    assert await rig.shown() == "one"
    assert "the former one stays" in rig.logged()
    rig.write("three")
    rig.certificate.look()
    assert await rig.shown() == "three"


@pytest.mark.parametrize(
    "text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"]
)
async def test_a_broken_certificate_keeps_the_old_one(rig: Rig, text: str) -> None:
    rig.put(CHAIN, text)
    rig.certificate.look()
    rig.certificate.look()
    assert await rig.shown() == "one"
    assert rig.logged().count("the former one stays") == 1


async def test_a_certificate_that_is_gone_keeps_the_old_one(rig: Rig) -> None:
    (rig.folder / KEY).unlink()
    rig.certificate.look()
    assert await rig.shown() == "one"
    assert "No such file" in rig.logged()


async def test_the_files_are_looked_at_again_and_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "LOOK_SECONDS", 0.0)
    looking = asyncio.create_task(rig.certificate.keep_fresh())
    rig.write("two")
    async with asyncio.timeout(60):
        while "new certificate" not in rig.logged():
            await asyncio.sleep(0)
    looking.cancel()
    assert await rig.shown() == "two"


def encrypted_key() -> str:
    _, key = self_signed("one")
    loaded = serialization.load_pem_private_key(key.encode(), None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()


@pytest.mark.parametrize(
    ("key", "reason"),
    [(None, "No such file"), ("no PEM", "PEM"), (encrypted_key(), "the key is encrypted")],
    ids=["missing", "broken", "encrypted"],
)
def test_a_start_without_a_usable_certificate_says_which_file(
    tmp_path: Path, key: str | None, reason: str
) -> None:
    rig = Rig(tmp_path)
    (tmp_path / KEY).unlink()
    if key is not None:
        rig.put(KEY, key)
    with pytest.raises(StartError, match=reason) as caught:
        Certificate(tmp_path / CHAIN, tmp_path / KEY, rig.log)
    assert "team-a/helper/tls.key" in str(caught.value)
