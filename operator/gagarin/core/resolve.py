"""From resources to what they mean: follow every reference, judge every permission, name all that is missing.

`resolve` is pure: the objects come in as an `Objects`, and what the user got wrong goes out as `Problem`s
with documented reasons. It never raises for a user's mistake and never fetches anything, so the operator,
`gagarin render` and `gagarin dev` come to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gagarin.core.config import Config
from gagarin.core.objects import Key, Object, Objects

ConditionType = Literal["Accepted", "ResolvedRefs", "Ready"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a condition is False: a documented reason (see `core.reasons`) and a sentence for a person."""

    condition: ConditionType
    reason: str
    message: str


@dataclass(frozen=True, slots=True, order=True)
class SecretFile:
    """One key of one Secret, as a file of the pod below the secrets folder."""

    namespace: str
    secret: str
    key: str

    @property
    def path(self) -> str:
        """`NAMESPACE/SECRET/KEY`, relative to the secrets folder."""
        return f"{self.namespace}/{self.secret}/{self.key}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything `render` needs of one Instance. `config.revision` is a digest of the configuration."""

    instance: Object
    config: Config
    secret_files: tuple[SecretFile, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What resolving one object came to.

    `resolved` is set for an Instance without problems. `secrets` are the Secrets whose values the pods read
    as files: when one changes, the pods are nudged.
    """

    problems: tuple[Problem, ...] = ()
    resolved: Resolved | None = None
    secrets: frozenset[Key] = frozenset()

    @property
    def withdrawn(self) -> bool:
        """A reference is not permitted (any more): an Instance must stop serving, so scale it to 0."""
        return any(problem.reason == "RefNotPermitted" for problem in self.problems)


def resolve(item: Object, objects: Objects) -> Resolution:
    """Resolve an object of any of the five kinds."""
    raise NotImplementedError
