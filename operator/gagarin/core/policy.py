"""What an installation allows its users, beyond what the API server checks: decided by whoever installs it.

Nothing is limited unless it is set. What a policy forbids is a condition of the resource that asks for it;
pods that run already go on, except where a Secret may not be used any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gagarin.core.images import is_allowed


@dataclass(frozen=True, slots=True)
class Policy:
    """`stdio_images`: prefixes of the images that Tools of type Stdio may run. `annotation_prefixes`: how
    annotations of pods, Services and ServiceAccounts may begin. `secret_label`, KEY or KEY=VALUE: the label
    that a Secret must have to be used. Empty: anything goes. `token_review`: chat servers have the right to
    make TokenReviews."""

    stdio_images: tuple[str, ...] = ()
    annotation_prefixes: tuple[str, ...] = ()
    secret_label: str = ""
    token_review: bool = False

    def allows_image(self, image: str) -> bool:
        """Whether a Tool may run this image."""
        return not self.stdio_images or is_allowed(image, self.stdio_images)

    def forbidden_annotations(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that may not be set, in order."""
        if not self.annotation_prefixes:
            return []
        return sorted(key for key in keys if not key.startswith(self.annotation_prefixes))

    def allows_secret(self, labels: Mapping[str, str]) -> bool:
        """Whether a Secret with these labels may be used."""
        key, given, value = self.secret_label.partition("=")
        if not key:
            return True
        return labels.get(key) == value if given else key in labels
