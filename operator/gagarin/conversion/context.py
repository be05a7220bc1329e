"""What the parts of a conversion share: names that were given, and how objects are made."""

from __future__ import annotations

from typing import Any

from gagarin.api.kinds import API_VERSION
from gagarin.conversion.names import Names, valid
from gagarin.conversion.report import Report
from gagarin.conversion.shapes import VARIABLE, Fields
from gagarin.core.objects import Object


class Context:
    """One conversion."""

    def __init__(self, report: Report, namespace: str | None, *, complete: bool = True) -> None:
        self.report = report
        self.complete = complete
        self._namespace = namespace
        self.providers = self._names("provider")
        self.models = self._names("model")
        self.tools = self._names("tool")
        self.agents = self._names("agent")
        self.instances = self._names("instance")
        self.secrets = self._names("secret")
        self.tool_ids: dict[str, str] = {}  # the original's ids, to names of ours
        self.agent_ids: dict[str, str] = {}

    def elsewhere(self, where: str, kind: str, text: str) -> str | None:
        """The name of an object that the configuration does not hold, if it need not be complete. It is told
        that there has to be one."""
        name = None if self.complete else valid(text)
        if name:
            self.report.note("todo", where, f"{kind} {name} has to exist: there is none in here")
        return name or None

    def _names(self, kind: str) -> Names:
        """Made up names are for folders of manifests: in a namespace they would change somebody's object."""
        return Names(kind if self.complete else "")

    def add(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """One object of our kinds; members without a value are left out."""
        manifest = self._object(API_VERSION, kind, name)
        self.report.manifests.append(manifest | {"spec": _without_none(spec)})

    def key(self, fields: Fields, field: str, name: str, key: str) -> dict[str, Any] | None:
        """A key that stands in a field, as a reference to a Secret that is made for it; or the reference that
        stands there."""
        if (reference := fields.reference(field)) is not None:
            return reference
        value = fields.secret(field)
        return key_ref(self.secret(fields, field, name, {key: value}), key) if value else None

    def secret(self, fields: Fields, field: str, name: str, values: dict[str, str]) -> str:
        """A Secret for values that stood in a field, and its name. One whose value is a variable that is not
        set is not made: it is left to be made, and told."""
        made = self.secrets.make(name)
        missing = [key for key, value in values.items() if VARIABLE.fullmatch(value)]
        if missing:
            options = " ".join(f"--from-literal={key}=..." for key in values)
            told = f"make the Secret: kubectl create secret generic {made} {options}"
            self.report.note("todo", fields.place(field), told)
        else:
            manifest = self._object("v1", "Secret", made)
            self.report.secrets.append(manifest | {"type": "Opaque", "stringData": values})
        return made

    def _object(self, version: str, kind: str, name: str) -> Object:
        metadata = {"name": name} | ({"namespace": self._namespace} if self._namespace else {})
        return {"apiVersion": version, "kind": kind, "metadata": metadata}


def key_ref(secret: str, key: str) -> dict[str, Any]:
    """A reference to one key of a Secret."""
    return {"secretKeyRef": {"name": secret, "key": key}}


def _without_none(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if value not in (None, "", [], {})}
