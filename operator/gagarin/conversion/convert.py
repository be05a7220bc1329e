"""The conversion of a whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gagarin.api.kinds import SpecError, parse
from gagarin.conversion.agents import convert_agents
from gagarin.conversion.context import Context
from gagarin.conversion.models import convert_models
from gagarin.conversion.providers import convert_providers
from gagarin.conversion.report import ConversionError, Note, Report
from gagarin.conversion.shapes import Fields
from gagarin.conversion.tools import convert_tools
from gagarin.core.objects import Object

_WITHOUT_MEANING = {
    "version": "manifests have versions of their own",
    "time_of_last_cache_update": "it was of the original's cache",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """Manifests in an order that can be read, Secrets apart from them, and what there is to know."""

    manifests: list[Object]
    secrets: list[Object]
    notes: list[Note]


def convert(
    configuration: Any,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    complete: bool = True,
) -> Conversion:
    """Convert a configuration as it was read from YAML or JSON.

    `environment` are the variables to replace; `namespace` goes into the manifests unless it is None. A
    configuration that need not be `complete` may name resources that it does not hold. Raises
    `ConversionError` with every fault found: then nothing is converted.
    """
    report = Report()
    fields = Fields(configuration, "", report, environment or {})
    context = Context(report, namespace, complete=complete)
    convert_providers(context, fields)
    convert_models(context, fields)
    convert_tools(context, fields)
    convert_agents(context, fields)
    for name, why in _WITHOUT_MEANING.items():
        fields.drop(name, why)
    fields.finish()
    _check(report)
    if not report.manifests and not report.faults:
        report.fault("", "there are no providers, models, tools, agents or instances in it")
    if report.faults:
        raise ConversionError(report.faults)
    return Conversion(report.manifests, report.secrets, report.notes)


def _check(report: Report) -> None:
    """What was made has to be what the API server takes."""
    for manifest in report.manifests:
        try:
            parse(manifest, unknown="forbid")
        except SpecError as error:
            name = f"{manifest['kind']} {manifest['metadata']['name']}"
            report.faults += [f"{name}: {fault}" for fault in error.faults]
