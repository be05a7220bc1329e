"""The Instances of a running `gagarin dev`, for `gagarin chat` and `gagarin token`: found by their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gagarin.cli.dev.authority import DEVELOPER
from gagarin.cli.dev.report import Served
from gagarin.cli.dev.state import Session, find, running
from gagarin.cli.errors import CommandError
from gagarin.cli.reach import Direct, Renewed
from gagarin.cli.tokens import Bearer
from gagarin.core.objects import Key
from gagarin.kube.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Here:
    """An Instance of a running `gagarin dev`."""

    session: Session
    served: Served

    def __str__(self) -> str:
        return f"{self.served.namespace}/{self.served.name} of `gagarin dev -f {self.session.folder}`"

    def bearer(self, service_account: str | None, seconds: int = 3600) -> Bearer:
        """Makes tokens of a ServiceAccount; of the developer, unless one is named."""
        token_file = Path(self.session.api_token_file)
        endpoint = Endpoint(server=self.session.api_server, token_file=token_file)
        key = Key("Instance", self.served.namespace, self.served.name)
        return Bearer(endpoint, key, service_account or DEVELOPER, seconds)

    def way(self, service_account: str | None, ca_file: Path | None) -> Direct:
        """How to get there. The developer's token is a file that is kept fresh."""
        served = self.served
        token = Renewed(self.bearer(service_account)) if service_account else Path(served.token_file)
        trusted = ca_file or (Path(served.ca_file) if served.ca_file else None)
        return Direct(served.url, token, trusted, served.server_name)


def found_here(name: str, namespace: str | None, *, wanted: bool | None) -> Here | None:
    """The Instance of this name, if one runs. `wanted` True: it has to, else `CommandError`; False: it is not
    looked for."""
    if wanted is False:
        return None
    found = find(running(), name, namespace)
    if found is None and wanted:
        raise CommandError(f"no `gagarin dev` runs that has an Instance {name}")
    return Here(*found) if found else None
