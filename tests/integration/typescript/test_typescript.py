"""The TypeScript SDK: it is built as its users would, and its own tests run at a real chat server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.integration.server.conftest import Start
from tests.unit.server.apiserver import ApiServer

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "sdk/typescript"
PAGE = (ROOT / "docs/typescript-sdk.md").read_text(encoding="utf-8")
NODE = """\
declare module "node:fs/promises" {
  export function readFile(file: string, encoding: string): Promise<string>;
}
"""
README = (PROJECT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```ts\n(.*?)^```$", PAGE + README, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


async def run(folder: Path, *command: str, **environment: str) -> str:
    """The output of a program that ends well."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environment}, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, compiled."""
    folder = tmp_path_factory.mktemp("typescript") / "package"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    for command in (("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"), ("npm", "run", "build")):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


async def test_its_own_tests_pass_at_a_real_instance(start: Start, api: ApiServer, package: Path) -> None:
    server = await start()
    where = {"GAGARIN_URL": server.url, "GAGARIN_TOKEN": api.issuer.token()}
    output = await run(package, "npm", "test", **where)
    assert "# fail 0" in output
    assert "# skipped 0" in output


async def test_the_examples_of_the_page_compile_and_run(start: Start, api: ApiServer, package: Path) -> None:
    server = await start()
    (package / "token").write_text(api.issuer.token())
    (package / "types.d.ts").write_text(NODE)
    names = [f"example{number}" for number, _ in enumerate(EXAMPLES)]
    for name, example in zip(names, EXAMPLES, strict=True):
        text = example.replace("http://127.0.0.1:8080", server.url)
        (package / f"{name}.mts").write_text(text.replace("/run/token", str(package / "token")))
    options = ("--strict", "--exactOptionalPropertyTypes", "--target", "ES2022", "--module", "NodeNext")
    await run(package, "npx", "tsc", *options, "types.d.ts", *(f"{name}.mts" for name in names))
    for name in names:
        assert "Good day." in (await run(package, "node", f"{name}.mjs")).replace("\n", "")
    assert len(names) == 4


def test_the_web_page_ships_what_is_compiled_here(package: Path) -> None:
    shipped = ROOT / "operator/gagarin/gateway/webfiles/vendor/client"
    compiled = {file.name: file.read_text() for file in (package / "dist").glob("*.js")}
    assert {file.name: file.read_text() for file in shipped.iterdir()} == compiled, "run scripts/webpage"


async def test_what_is_packed_is_what_is_compiled_and_can_be_installed(package: Path, tmp_path: Path) -> None:
    output = await run(package, "npm", "pack", "--ignore-scripts", "--json", "--silent")
    (packed,) = json.loads(output)
    modules = {file.stem for file in (PROJECT / "src").iterdir()}
    built = {f"dist/{name}.{end}" for name in modules for end in ("js", "d.ts")}
    files = {file["path"] for file in packed["files"]}
    assert files == built | {"package.json", "README.md", "LICENSE"}
    assert packed["unpackedSize"] < 100_000
    assert (PROJECT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    tarball = str(package / packed["filename"])
    await run(tmp_path, "npm", "install", "--offline", "--no-audit", "--no-fund", tarball)
    script = 'import * as it from "gagarin-client"; console.log(Object.keys(it).sort().join())'
    names = await run(tmp_path, "node", "--input-type=module", "-e", script)
    assert names.strip() == (
        "Client,GagarinError,Interrupted,NotGagarin,ProblemError,SettingsError,TimedOut,serviceUrl"
    )


def test_it_depends_on_nothing_and_names_no_registry() -> None:
    package, lock = ((PROJECT / name).read_text() for name in ("package.json", "package-lock.json"))
    assert '"dependencies"' not in package
    assert "http" not in package + lock
