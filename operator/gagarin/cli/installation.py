"""How the operator of a cluster was told to make children: read from its Deployment, where the user may.

`gagarin diff` has to render what that operator would render. What cannot be read has to be said as options.
"""

from __future__ import annotations

from typing import Any

from gagarin.cli.errors import CommandError
from gagarin.cli.settings import OPTIONS, Given, OperatorSettings, settings_of
from gagarin.core.objects import Object
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError
from gagarin.kube.resources import CONFIG_MAP, DEPLOYMENT


async def installed_settings(client: KubeClient, operator: str, told: Given) -> OperatorSettings:
    """The settings of the operator NAMESPACE/NAME, with those in `told` in place of its own.

    Raises `CommandError` when it cannot be read and `told` does not say enough.
    """
    namespace, slash, name = operator.partition("/")
    if not slash:
        raise CommandError(f"--operator: {operator!r} is not of the form NAMESPACE/NAME")
    try:
        deployment = await client.get(DEPLOYMENT, namespace, name)
        bundle = await _bundle(client, namespace, deployment)
    except KubeError as error:
        if told.get("instance-image"):
            return settings_of(told)
        message = (
            f"the operator's settings cannot be read: {error}; name it with --operator, or say its settings"
        )
        raise CommandError(f"{message}, --instance-image first") from error
    read = None if "instance-ca-bundle" in told else bundle.__getitem__
    return settings_of({**_given(deployment), **told}, read)


def _given(deployment: Object) -> dict[str, str]:
    variables = {each["name"]: each.get("value", "") for each in _container(deployment).get("env") or ()}
    return {option.name: variables[option.variable] for option in OPTIONS if variables.get(option.variable)}


async def _bundle(client: KubeClient, namespace: str, deployment: Object) -> dict[str, str]:
    """The files of ConfigMaps that the operator has, by path, as far as it names one as its CA bundle."""
    wanted = _given(deployment).get("instance-ca-bundle", "")
    volumes = {each["name"]: each for each in deployment["spec"]["template"]["spec"].get("volumes") or ()}
    for mount in _container(deployment).get("volumeMounts") or ():
        source = volumes[mount["name"]].get("configMap")
        if source and wanted.startswith(f"{mount['mountPath']}/"):
            data = (await client.get(CONFIG_MAP, namespace, source["name"])).get("data") or {}
            return {f"{mount['mountPath']}/{name}": text for name, text in data.items()}
    return {}


def _container(deployment: Object) -> dict[str, Any]:
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    return next((each for each in containers if each["name"] == "operator"), containers[0])
