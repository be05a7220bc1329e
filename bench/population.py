"""The resources of the scale benchmark: one provider, one agent, and as many Instances of it as wanted.

They share the key, the model and the prompt: the worst case for a change of any of these. What is only there,
for the figures at rest, has prompts of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from gagarin.core.objects import Object, ObjectMap
from gagarin.core.render import RenderSettings, render
from gagarin.core.resolve import resolve

NAMESPACE = "scale"
IMAGE = "gagarin.local/gagarin:bench"
API = "gagarin.fyodorov.ai/v1alpha1"
PROMPT = "You answer the questions of our customers about their orders. " * 20


def namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def shared(key: str = "first", prompt: str = PROMPT) -> list[Object]:
    """What all Instances use."""
    reference = {"secretKeyRef": {"name": "model-key", "key": "token"}}
    provider = {"type": "OpenAICompatible", "url": "http://models.example/v1", "apiKey": reference}
    return [secret(key), _ours("Provider", "models", provider), _ours("Agent", "support", _agent(prompt))]


def secret(key: str) -> Object:
    metadata = {"namespace": NAMESPACE, "name": "model-key"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": key}}


def instances(count: int) -> Iterator[Object]:
    """Instances of the one Agent, with a pod each."""
    for number in range(count):
        yield _ours("Instance", f"shop-{number:05}", {"agentRef": {"name": "support"}})


def pairs(count: int) -> Iterator[Object]:
    """Agents with prompts of their own, and for each a suspended Instance, which runs no pod for now."""
    for number in range(count):
        name = f"rest-{number:05}"
        yield _ours("Agent", name, _agent(f"{PROMPT}You are number {number}."))
        yield _ours("Instance", name, {"agentRef": {"name": name}, "suspend": True})


def children(count: int) -> list[Object]:
    """What the operator makes of so many Instances, as `gagarin render` would print it."""
    objects = ObjectMap([*shared(), *instances(count), namespace()])
    settings = RenderSettings(image=IMAGE)
    found = (resolve(item, objects).resolved for item in instances(count))
    return [child for resolved in found if resolved is not None for child in render(resolved, settings)]


def _agent(prompt: str) -> Object:
    return {"prompt": prompt, "model": {"providerRef": {"name": "models"}, "name": "large"}}


def _ours(kind: str, name: str, spec: Object) -> Object:
    metadata = {"namespace": NAMESPACE, "name": name}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
