"""The answer of `gagarin diff` on a terminal: a headline for each Instance, and coloured diffs below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from gagarin.cli.diff import Change, diff_of
from gagarin.cli.installation import installed_settings
from gagarin.cli.settings import Given
from gagarin.core.objects import ObjectMap
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint

STYLES = (("---", "bold"), ("+++", "bold"), ("@@", "cyan"), ("-", "red"), ("+", "green"))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which cluster, as whom. `told` are settings in place of the operator's own."""

    endpoint: Endpoint
    files: ObjectMap
    operator: str
    told: Given


async def show(question: Question, console: Console, tell: Callable[[str], None]) -> bool:
    """Asks, and prints what would change; notes go to `tell`. True when anything would."""
    async with KubeClient(question.endpoint, user_agent="gagarin-cli") as client:
        settings = await installed_settings(client, question.operator, question.told)
        found = await diff_of(client, question.files, settings)
    for note in found.notes:
        tell(f"note: {note}")
    for change in found.changes:
        console.print(as_text(change))
    if not found.changes:
        console.print("no Instance depends on these files")
    return any(change.is_one for change in found.changes)


def as_text(change: Change) -> Text:
    """The headline, why it is not Ready, and the diffs."""
    text = Text(f"{change.instance}: {change.headline}", "bold")
    for problem in change.problems:
        text.append(f"\n  {problem.reason}: {problem.message}", "red")
    for line in (line for each in change.differences for line in each.splitlines()):
        style = next((style for prefix, style in STYLES if line.startswith(prefix)), "default")
        text.append(f"\n{line}", style)
    return text
