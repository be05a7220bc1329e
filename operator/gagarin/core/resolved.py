"""What resolving an Instance comes to: the values that `render` makes manifests of.

Whatever is kept in another namespace than the pods' is copied there, because a pod can only mount what is
beside it. A copy is called after the Instance, but its file in the pod has the path of the original.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gagarin.api.instance import InstanceSpec
from gagarin.core import config, names
from gagarin.core.objects import Key, Object


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

    @property
    def source(self) -> Key:
        """The Secret."""
        return Key("Secret", self.namespace, self.secret)


@dataclass(frozen=True, slots=True, order=True)
class Folder:
    """A ConfigMap as a folder of the pod below the knowledge folder. No keys: all of them."""

    name: str
    source: Key
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """What the Instance's namespace gets of a Secret or a ConfigMap of another one.

    `data` and `binary` are the fields `data` and `binaryData` of the manifest; a Secret has only the first.
    """

    source: Key
    data: dict[str, str] = field(repr=False)
    binary: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A program that a Tool of type Stdio runs beside the chat server.

    `environment` and `resources` are as a container has them; references in `environment` are to objects of
    the pods' own namespace.
    """

    tool: Key
    socket: str
    image: str
    command: tuple[str, ...]
    environment: tuple[Object, ...]
    resources: Object


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything `render` needs of one Instance. `config.revision` is a digest of the configuration."""

    instance: Object
    spec: InstanceSpec
    config: config.Config
    secret_files: tuple[SecretFile, ...] = ()
    copies: tuple[Copy, ...] = ()
    folders: tuple[Folder, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()

    def local_name(self, source: Key) -> str:
        """What a Secret or ConfigMap is called in the Instance's namespace: its own name, or its copy's."""
        return names.local_name(Key("Instance", self.config.namespace, self.config.name), source)
