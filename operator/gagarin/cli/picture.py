"""`gagarin status`: the chain of an Instance as a tree or as a document, and the list of Instances."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from gagarin.cli.chain import Chain, Link, PodState, chain_of, instances, verdict
from gagarin.cli.listing import as_document, as_table
from gagarin.core.objects import Key, Object
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint

MARKS = {
    "ok": ("✓", "green"),
    "wrong": ("✗", "red"),
    "missing": ("✗", "red"),
    "unreadable": ("?", "yellow"),
}
COLUMNS = ("namespace", "name", "ready", "reason", "model", "message")


def show_all(endpoint: Endpoint, namespace: str | None, output: str, console: Console) -> bool:
    """Lists Instances. True when all are Ready."""
    found = asyncio.run(_listed(endpoint, namespace))
    rows = [row(item) for item in found]
    if output != "table":
        console.print(
            as_document([dict(zip(COLUMNS, each, strict=True)) for each in rows], output), markup=False
        )
    elif not rows:
        where = f"in namespace {namespace}" if namespace else "in the cluster"
        console.print(f"no Instance {where}; `gagarin init` writes first manifests", markup=False)
    else:
        console.print(as_table(COLUMNS, rows))
    return all(each[2] == "True" for each in rows)


def show_one(endpoint: Endpoint, instance: Key, output: str, console: Console) -> bool:
    """Draws the chain of an Instance. True when it is Ready."""
    chain = asyncio.run(_chain(endpoint, instance))
    if output != "table":
        console.print(as_document(as_data(chain), output), markup=False, soft_wrap=True)
    else:
        console.print(as_tree(chain))
    return chain.ready


def row(item: Object) -> tuple[str, ...]:
    """A line of the list."""
    ready, reason, message = verdict(item)
    metadata, status = item["metadata"], item.get("status") or {}
    return (
        metadata["namespace"],
        metadata["name"],
        str(ready),
        reason,
        status.get("model", ""),
        "" if ready else message,
    )


def as_tree(chain: Chain) -> Tree:
    """The Instance, below it what it refers to and what that refers to, and its pods."""
    mark, style = MARKS["ok" if chain.ready else "wrong"]
    told = "Ready" if chain.ready else f"not Ready: {chain.reason}: {chain.message}"
    tree = Tree(Text.assemble((f"{mark} ", style), (str(chain.instance), "bold"), f"  {told}"))
    if chain.url:
        tree.add(Text(chain.url, "dim"))
    top = chain.links[chain.instance]
    for reason in top.reasons:
        if reason != f"{chain.reason}: {chain.message}":
            tree.add(Text(reason, "red"))
    for target in top.refers_to:
        _grow(tree, chain, target, {chain.instance})
    for line in _pods(chain.pods):
        tree.add(line)
    return tree


def as_data(chain: Chain) -> dict[str, Any]:
    """The same for programs."""
    return {
        "instance": _named(chain.instance),
        "ready": chain.ready,
        "reason": chain.reason,
        "message": chain.message,
        "url": chain.url,
        "objects": [
            _named(link.key)
            | {
                "state": link.state,
                "reasons": link.reasons,
                "refersTo": [_named(target) for target in link.refers_to],
            }
            for link in chain.links.values()
        ],
        "pods": None
        if chain.pods is None
        else [
            {
                "name": pod.name,
                "phase": pod.phase,
                "ready": pod.ready,
                "restarts": pod.restarts,
                "fault": pod.fault,
            }
            for pod in chain.pods
        ],
    }


def _grow(tree: Tree, chain: Chain, key: Key, above: set[Key]) -> None:
    """Adds an object with all that is below it; in a circle, it stops where the circle closes."""
    link = chain.links[key]
    branch = tree.add(_line(link))
    if key in above:
        branch.add(Text("… (a circle)", "dim"))
        return
    for target in link.refers_to:
        _grow(branch, chain, target, above | {key})


def _line(link: Link) -> Text:
    mark, style = MARKS[link.state]
    text = Text.assemble((f"{mark} ", style), str(link.key))
    if link.state == "missing":
        text.append("  does not exist", style)
    if link.state == "unreadable":
        text.append("  you may not read it", style)
    elif link.reasons:
        text.append("  " + "\n    ".join(link.reasons), style)
    return text


def _pods(pods: Sequence[PodState] | None) -> list[Text]:
    if pods is None:
        return [Text.assemble(("? ", "yellow"), "Pods: you may not see them")]
    if not pods:
        return [Text("no pods", "dim")]
    return [_pod(pod) for pod in pods]


def _pod(pod: PodState) -> Text:
    mark, style = MARKS["ok" if pod.ready else "wrong"]
    text = Text.assemble((f"{mark} ", style), f"Pod {pod.name}  {pod.phase}")
    if pod.restarts:
        text.append(f", {pod.restarts} restarts", "yellow")
    if pod.fault:
        text.append(f"  {pod.fault}", "red")
    return text


def _named(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name}


async def _listed(endpoint: Endpoint, namespace: str | None) -> list[Object]:
    async with KubeClient(endpoint, user_agent="gagarin-cli") as client:
        return await instances(client, namespace)


async def _chain(endpoint: Endpoint, instance: Key) -> Chain:
    async with KubeClient(endpoint, user_agent="gagarin-cli") as client:
        return await chain_of(client, instance, datetime.now(UTC).isoformat())
