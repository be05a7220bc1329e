"""What every part of a custom resource has in common: camelCase names, bounds, and rules that travel.

The classes in this package are the only source of the CRDs. A field's docstring is its description in
`kubectl explain`, its bounds are the schema's, its default is the API server's. A `Rule` says one thing
twice, in CEL for the API server and in Python for files that never meet one, and the tests hold the two
against the same examples. Unknown fields are ignored here (a CRD may be newer than the program that reads
it); the API server refuses them, and `kinds.parse(..., unknown="forbid")` does so for files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between the fields of an object: as CEL over `self`, as a predicate over the model."""

    cel: str
    message: str
    holds: Callable[[Any], bool]


class Schema(BaseModel):
    """A part of a custom resource."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
        frozen=True,
        extra="ignore",
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise PydanticCustomError("rule", "{message}", {"message": rule.message})
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            described["x-kubernetes-validations"] = [
                {"rule": rule.cel, "message": rule.message} for rule in cls.rules
            ]
        return described


def union(discriminator: str, members: Mapping[str, str], optional: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """The rules of a union: the member of the chosen type is there, and no other.

    `members` maps the discriminator's values to camelCase member names; those in `optional` may be absent.
    """
    return tuple(_member(discriminator, value, name, name in optional) for value, name in members.items())


def exactly_one(*names: str) -> Rule:
    """Exactly one of these camelCase fields is set."""
    count = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return Rule(
        cel=f"{count} == 1",
        message=f"exactly one of {_listing(names)} must be set",
        holds=lambda part: sum(_is_set(part, name) for name in names) == 1,
    )


def at_most_one(*names: str) -> Rule:
    """At most one of these camelCase fields is set."""
    count = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return Rule(
        cel=f"{count} <= 1",
        message=f"at most one of {_listing(names)} may be set",
        holds=lambda part: sum(_is_set(part, name) for name in names) <= 1,
    )


def keyed_by(*names: str) -> dict[str, Any]:
    """Schema of a list whose items are told apart by these fields, so that appliers can own single items."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(names)}


def as_set() -> dict[str, Any]:
    """Schema of a list of scalars that holds each value once."""
    return {"x-kubernetes-list-type": "set"}


def _member(discriminator: str, value: str, name: str, optional: bool) -> Rule:
    chosen = f"self.{discriminator} == '{value}'"
    if optional:
        return Rule(
            cel=f"!has(self.{name}) || {chosen}",
            message=f"{name} may only be set when {discriminator} is {value}",
            holds=lambda part: not _is_set(part, name) or _value(part, discriminator) == value,
        )
    return Rule(
        cel=f"has(self.{name}) == ({chosen})",
        message=f"{name} must be set when {discriminator} is {value}, and only then",
        holds=lambda part: _is_set(part, name) == (_value(part, discriminator) == value),
    )


def _value(part: Schema, alias: str) -> Any:
    return getattr(part, _attribute(type(part), alias))


def _is_set(part: Schema, alias: str) -> bool:
    return _value(part, alias) is not None


def _attribute(schema: type[Schema], alias: str) -> str:
    return next(name for name, field in schema.model_fields.items() if field.alias == alias)


def _listing(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
