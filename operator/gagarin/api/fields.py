"""The kinds of value that occur all over the API: names, durations, quantities, URLs, label selectors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StrictInt, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gagarin.api.schema import Rule, Schema

NAME = r"^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$"
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUALIFIED_NAME = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
HTTP_URL = r"^https?://[^\s/?#@]+(/[^\s?#]*)?(\?[^\s#]*)?$"

ResourceName = Annotated[str, Field(max_length=52, pattern=NAME)]
NamespaceName = Annotated[str, Field(max_length=63, pattern=LABEL)]
ObjectName = Annotated[str, Field(max_length=253, pattern=SUBDOMAIN)]
DataKey = Annotated[str, Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Url = Annotated[str, Field(max_length=2048, pattern=HTTP_URL)]
ModelName = Annotated[str, Field(min_length=1, max_length=256)]
# A name of the IANA time zone database. Which ones exist, that database says.
TimeZone = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$")]
FunctionName = Annotated[str, Field(max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
LabelKey = Annotated[str, Field(max_length=317, pattern=QUALIFIED_NAME)]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
Quantity = Annotated[
    StrictInt | Annotated[str, Field(max_length=32, pattern=QUANTITY)],
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 32,
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
JsonObject = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "x-kubernetes-map-type": "atomic",
        }
    ),
]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float:
    """The seconds in a duration as the Gateway API writes it (GEP-2257): `1h`, `1m30s`, `500ms`."""
    return round(sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|h|m|s)", text)), 3)


@dataclass(frozen=True, slots=True)
class Duration:
    """Annotates a `str` that is a duration (GEP-2257) between two bounds, both included."""

    least: str
    most: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(max_length=32, pattern=DURATION)
        return core_schema.no_info_after_validator_function(self._check, text)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        rule = f"duration(self) >= duration('{self.least}') && duration(self) <= duration('{self.most}')"
        return handler(schema) | {"x-kubernetes-validations": [{"rule": rule, "message": self._message}]}

    def _check(self, value: str) -> str:
        if not seconds(self.least) <= seconds(value) <= seconds(self.most):
            raise PydanticCustomError("duration", "{message}", {"message": self._message})
        return value

    @property
    def _message(self) -> str:
        return f"must be between {self.least} and {self.most}"


class SelectorRequirement(Schema):
    """A condition on one label."""

    key: LabelKey
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with the values."""
    values: tuple[LabelValue, ...] = Field(default=(), max_length=64)
    """The values for In and NotIn; none for Exists and DoesNotExist."""

    rules = (
        Rule(
            cel="(has(self.values) && size(self.values) > 0) == (self.operator in ['In', 'NotIn'])",
            message="values are needed for In and NotIn, and only for them",
            holds=lambda part: bool(part.values) == (part.operator in ("In", "NotIn")),
        ),
    )


class LabelSelector(Schema):
    """Selects objects by their labels: all conditions must hold, and an empty selector takes everything."""

    match_labels: dict[str, LabelValue] | None = Field(default=None, max_length=32)
    """Labels that must have exactly these values."""
    match_expressions: tuple[SelectorRequirement, ...] = Field(default=(), max_length=32)
    """Further conditions on labels."""
