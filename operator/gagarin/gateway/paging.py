"""Pages of a list, newest first: `limit` rows that are older than `created_at_lt`, as the original had them.

Kubernetes keeps times of creation to the second, so that several rows can have the same. A page is never
cut between two of those, or the next one, which begins below the last row's time, would leave some out: it
may have more than `limit` rows then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from gagarin.core.objects import Object
from gagarin.kube.client import KubeClient
from gagarin.kube.resources import Resource
from gagarin.serving.problems import invalid_query

DEFAULT_LIMIT, MAX_LIMIT = 10, 1000
_SPACE = re.compile(r"(:[0-9]{2}(?:\.[0-9]+)?) ([0-9]{2}:[0-9]{2})$")


class Page(NamedTuple):
    """Which rows are wanted. `before` None: from the newest."""

    limit: int = DEFAULT_LIMIT
    before: datetime | None = None


def page_of(query: Mapping[str, str]) -> Page:
    """The page that a query asks for. Raises `Problem` 400."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT and len(text) <= 6):
        raise invalid_query("limit", f"it is no whole number from 1 to {MAX_LIMIT}")
    return Page(int(text), _time(query.get("created_at_lt")))


def newest(items: Sequence[Object], page: Page) -> list[Object]:
    """The rows of a page, out of all items or of those seen so far: newest first, by name where times are
    equal."""
    older = [item for item in items if page.before is None or created(item) < page.before]
    older.sort(key=lambda item: item["metadata"]["name"])
    older.sort(key=created, reverse=True)
    if len(older) <= page.limit:
        return older
    last = created(older[page.limit - 1])
    return [item for item in older if created(item) >= last]


def created(item: Object) -> datetime:
    """When an object was created."""
    return datetime.fromisoformat(item["metadata"]["creationTimestamp"])


async def listed(client: KubeClient, resource: Resource, namespace: str, page: Page) -> list[Object]:
    """The objects of a page. Memory holds that page and a part of the list, however long the list is."""
    found: list[Object] = []
    async for part in client.pages(resource, namespace):
        found = newest([*found, *part.items], page)
    return found


def _time(text: str | None) -> datetime | None:
    """RFC 3339; without a zone it is UTC, as the original's were. A `+` that became a space is a `+`."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(_SPACE.sub(r"\1+\2", text))
    except ValueError as error:
        raise invalid_query("created_at_lt", "it is no time such as 2025-01-31T12:00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
