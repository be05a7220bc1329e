"""What is measured, set up as in a pod: the stub model server, and before it the Go proxy or the chat server.

All on loopback, each in a process of its own. A `Target` is one of the three ways to ask the same model.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from bench import aiohttpproxy, litellm
from bench.authority import Authority
from bench.interpreter import Interpreter
from bench.loadclient import post
from bench.processes import Process
from gagarin.core import config
from gagarin.core.config import Auth, Config, Limits, ModelTarget, Provider, Timeouts

NAMESPACE, NAME = "bench", "hello"
AUDIENCE = f"{NAME}.{NAMESPACE}.svc"
PROMPT = "You are a friendly greeter. Answer in one short sentence."
MODEL = "stub-chat"
KEY = "not-a-real-key"
KEY_FILE = "bench/model-key/api-key"
STUB_OPTIONS = ("--port", "0", "--record", "0", "--drain-seconds", "0")
PATIENT = Timeouts(connect=5.0, first_token=600.0, between_tokens=600.0, total=600.0)


class Target(NamedTuple):
    """A way to ask the model: the process to ask, and how its streams are told apart from their headers.

    `part` is in the names of its lines; "" for the chat server.
    """

    name: str
    part: str
    process: Process
    token: str
    chat_path: str
    stream_path: str
    first_token: bytes
    last_event: bytes

    @property
    def speaks_openai(self) -> bool:
        """Whether it takes the model's own protocol, or the chat server's."""
        return self.chat_path.startswith("/v1/")

    def chat_request(self, text: str, conversation: str | None = None) -> bytes:
        """A plain chat that says `text`; the chat server takes a conversation to say it in."""
        going_on = {} if conversation is None else {"conversation": conversation}
        return post(self.chat_path, {**self._body(text, stream=False), **going_on}, self.token)

    def stream_request(self, text: str) -> bytes:
        """A streamed chat that says `text`."""
        return post(self.stream_path, self._body(text, stream=True), self.token)

    def _body(self, text: str, *, stream: bool) -> dict[str, object]:
        if not self.speaks_openai:
            return {"input": text}
        messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
        usage = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return {"model": MODEL, "messages": messages, **usage}


class Rig:
    """The running stub and authority, and what starts on top of them."""

    def __init__(self, interpreter: Interpreter, authority: Authority, folder: Path, stub: Process) -> None:
        self._interpreter = interpreter
        self._authority = authority
        self._folder = folder
        self._stub = stub
        self._servers = 0

    @property
    def direct(self) -> Target:
        """The stub itself."""
        return _openai("direct call", "direct", self._stub)

    @contextmanager
    def proxy(self, binary: Path) -> Iterator[Target]:
        """The Go reverse proxy, on one core."""
        command: list[str | Path] = [binary, "-upstream", f"http://127.0.0.1:{self._stub.port}"]
        with Process(command, self._folder / "proxy.log", {"GOMAXPROCS": "1"}) as process:
            yield _openai("Go reverse proxy", "proxy", process)

    @contextmanager
    def aiohttp(self) -> Iterator[Target]:
        """A proxy made of aiohttp, which does nothing else."""
        program = Path(aiohttpproxy.__file__)
        upstream = f"http://127.0.0.1:{self._stub.port}"
        command: list[str | Path] = [self._interpreter.python, program, "--upstream", upstream]
        with Process(command, self._folder / "aiohttp.log", self._interpreter.environment) as process:
            yield _openai("aiohttp proxy", "aiohttp", process)

    @contextmanager
    def litellm(self) -> Iterator[Target]:
        """LiteLLM's proxy, with one worker."""
        with litellm.start(self._folder, self._stub.port, MODEL, KEY) as process:
            yield _openai("LiteLLM proxy", "litellm", process)

    @contextmanager
    def server(self, secrets: Mapping[str, str] = MappingProxyType({}), **changed: Any) -> Iterator[Target]:
        """A new chat server with an empty history. `changed` are members of its configuration, `secrets` the
        contents of files beside the model's key."""
        self._servers += 1
        folder = self._folder / f"server-{self._servers}"
        self._write(folder, msgspec.structs.replace(self._config(), **changed), {KEY_FILE: KEY, **secrets})
        with Process(self._command(folder), folder / "log", self._interpreter.environment) as process:
            token = self._authority.token(NAMESPACE, "caller", AUDIENCE)
            yield Target(
                "chat server", "", process, token, "/chat", "/stream", b"event: token\n", b"event: done\n"
            )
        shutil.rmtree(folder)

    def _write(self, folder: Path, settings: Config, secrets: Mapping[str, str]) -> None:
        for name, content in secrets.items():
            file = folder / "secrets" / name
            file.parent.mkdir(parents=True)
            file.write_text(content)
        (folder / "data").mkdir()
        (folder / "token").write_text(self._authority.token(NAMESPACE, f"{NAME}-agent", "api-server"))
        (folder / config.FILE_NAME).write_text(config.encode(settings))

    def _config(self) -> Config:
        provider = Provider(
            name="stub",
            namespace=NAMESPACE,
            type="OpenAICompatible",
            url=f"http://127.0.0.1:{self._stub.port}/v1",
            api_key_file=KEY_FILE,
            timeouts=PATIENT,
        )
        return Config(
            schema_version=config.SCHEMA_VERSION,
            name=NAME,
            namespace=NAMESPACE,
            revision="bench",
            prompt=PROMPT,
            model=ModelTarget(provider=provider, model=MODEL),
            auth=Auth(audiences=(AUDIENCE,)),
            limits=Limits(request_timeout=600.0, max_concurrent_chats=10_000),
        )

    def _command(self, folder: Path) -> list[str | Path]:
        return [
            *(self._interpreter.python, "-m", "gagarin.server", "--host", "127.0.0.1"),
            *("--port", "0", "--ops-port", "0", "--drain-seconds", "0"),
            *("--config", folder / config.FILE_NAME, "--secrets", folder / "secrets"),
            *("--data", folder / "data", "--api-server", self._authority.url),
            *("--api-token-file", folder / "token"),
        ]


def _openai(name: str, part: str, process: Process) -> Target:
    path = "/v1/chat/completions"
    return Target(name, part, process, KEY, path, path, b'"delta":{', b"data: [DONE]\n")


@contextmanager
def start(interpreter: Interpreter) -> Iterator[Rig]:
    """The authority and the stub, in a temporary folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gagarin-bench-")))
        authority = stack.enter_context(Authority())
        command: list[str | Path] = [
            *(interpreter.python, "-m", "gagarin.stub", "--host", "127.0.0.1"),
            *STUB_OPTIONS,
        ]
        stub = Process(command, folder / "stub.log", interpreter.environment)
        yield Rig(interpreter, authority, folder, stack.enter_context(stub))
