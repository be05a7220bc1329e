"""Circles of references: an agent that is its own tool, models that fall back on each other.

Nothing that is in one can be had, so the first that is found is told, with its whole way round.
"""

from __future__ import annotations

from gagarin.core.graph import references
from gagarin.core.objects import Key, Objects

# Only these kinds can come back to themselves: Model by fallbackRefs, the others by a Tool of type Agent.
_CIRCULAR = frozenset({"Model", "Agent", "Tool", "Instance"})


def cycle_from(root: Key, objects: Objects) -> list[Key]:
    """The first circle that can be reached from `root`, its first key again at the end; or nothing."""
    path: list[Key] = []
    on_path: set[Key] = set()
    done: set[Key] = set()
    waiting: list[tuple[Key, bool]] = [(root, False)]
    while waiting:
        key, is_left = waiting.pop()
        if is_left:
            on_path.discard(path.pop())
            done.add(key)
        elif key in on_path:
            return [*path[path.index(key) :], key]
        elif key not in done:
            path.append(key)
            on_path.add(key)
            waiting.append((key, True))
            waiting.extend((target, False) for target in _ways_on(key, objects))
    return []


def _ways_on(key: Key, objects: Objects) -> list[Key]:
    item = objects.get(key)
    targets = references(item) if item else frozenset()
    return sorted((target for target in targets if target.kind in _CIRCULAR), reverse=True)
