"""What our resources refer to, made sure of before it is judged.

Secrets, ConfigMaps and Namespaces: a cluster is full of them, and only the referenced ones concern us. They
are watched by their metadata (`feeds`), which tells that one changed; its content is read with a GET, when
one of our resources refers to it. So memory does not grow with other people's objects, and Secrets that
nobody named to us never leave the API server.

Our own kinds: each has its own watch, and one may be ahead of another. Before a reference to one that we have
not heard of counts as missing, the API server is asked, so that nobody reads of a mistake that was none.
"""

from __future__ import annotations

from collections.abc import Collection

from gagarin.controller.cluster import Cluster, together
from gagarin.controller.intake import Intake
from gagarin.controller.store import version_of
from gagarin.core.graph import OUR_KINDS, references
from gagarin.core.objects import Key, Object, key_of
from gagarin.kube.errors import Forbidden, NotFound
from gagarin.kube.resources import BY_KIND

KINDS = ("Secret", "ConfigMap", "Namespace")


class Referents:
    """Keeps what is referred to in the store. With `namespaces`, others are never asked about."""

    def __init__(self, cluster: Cluster, intake: Intake, namespaces: Collection[str] = ()) -> None:
        self._cluster = cluster
        self._intake = intake
        self._namespaces = frozenset(namespaces)
        self._read: set[Key] = set()  # those whose state we know, be it that they do not exist

    async def ensure(self, item: Object) -> None:
        """Read what `item`, and everything it refers to, refers to and we do not know yet."""
        while missing := self._unknown(item):
            await together(map(self._refresh, missing))

    async def noticed(self, metadata: Object) -> bool:
        """A watch or list told of an object's metadata. If it concerns us, and is news, read it again."""
        key = key_of(metadata)
        if not self._concerns_us(key):
            self._read.discard(key)
            return False
        known = self._intake.store.get(key)
        if known is None or version_of(known) < version_of(metadata):
            await self._refresh(key)
        return True

    async def refresh_all(self, kind: str) -> None:
        """Read all referenced objects of a kind that cannot be watched."""
        await together([self._refresh(key) for key in self._read if key.kind == kind])

    def sweep(self) -> None:
        """Forget what nobody refers to any more."""
        for key in [key for key in self._read if not self._concerns_us(key)]:
            self._read.discard(key)
            if key.kind in KINDS:
                self._intake.ignored(key)

    def _concerns_us(self, key: Key) -> bool:
        return bool(self._intake.graph.users(key))

    async def _refresh(self, key: Key) -> None:
        before = self._intake.store.get(key)
        try:
            item = await self._cluster.get(
                BY_KIND[key.kind], key.namespace, key.name, metadata_only=key.kind == "Namespace"
            )
        except NotFound:
            self._intake.gone(key, version_of(before) if before else 0)
        except Forbidden:
            if key.kind != "Namespace":
                raise
            # Namespaced mode without the right to read a Namespace: its labels select nothing.
        else:
            self._intake.seen(item)
        self._read.add(key)

    def _unknown(self, item: Object) -> set[Key]:
        """Along all references: what we know nothing of, not even that it does not exist."""
        visited: set[Key] = set()
        missing: set[Key] = set()
        waiting = list(references(item))
        while waiting:
            key = waiting.pop()
            if key in visited:
                continue
            visited.add(key)
            if key.kind in OUR_KINDS and (known := self._intake.store.get(key)) is not None:
                self._read.discard(key)
                waiting += references(known)
            elif key not in self._read and self._is_in_sight(key):
                missing.add(key)
        return missing

    def _is_in_sight(self, key: Key) -> bool:
        return not self._namespaces or (key.namespace or key.name) in self._namespaces
