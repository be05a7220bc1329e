"""Who somebody is, in the words of Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gagarin.kube.serviceaccounts import groups_of, user_of


class Identity(NamedTuple):
    """A user as RBAC knows it. `uid` is the ServiceAccount's, so that a namesake made later is another
    one."""

    issuer: str
    user: str
    uid: str
    groups: tuple[str, ...]


class Owner(NamedTuple):
    """Whose a conversation is. `end_user` is what the calling application says of the person behind it."""

    issuer: str
    subject: str
    uid: str
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted caller. `expires` is the token's end in seconds since the epoch."""

    identity: Identity
    expires: float
    end_user: str = ""

    @property
    def owner(self) -> Owner:
        """The owner of the conversations that this caller begins."""
        return Owner(self.identity.issuer, self.identity.user, self.identity.uid, self.end_user)


def service_account(issuer: str, namespace: str, name: str, uid: str) -> Identity:
    """The identity of a ServiceAccount, with the groups that the API server would give it."""
    return Identity(issuer, user_of(namespace, name), uid, groups_of(namespace))
