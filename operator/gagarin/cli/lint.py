"""`gagarin lint`: what an API server and the operator would say to a folder of manifests, before they see it.

Each object is judged by itself (`validation`), then resolved as the operator does it, so that a reference to
nothing, a use that is not permitted, or what the policy forbids has the reason that the condition would have.
Findings point at the field in the file that has to change, also when it is somebody else's.

A Secret that is not among the files is a warning, because keys rarely are; so is whatever lies in a namespace
of which the files have nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gagarin.api.kinds import KINDS
from gagarin.cli.findings import Finding, Severity
from gagarin.cli.manifests import Manifest, Reading
from gagarin.cli.validation import FieldPath, faults_of
from gagarin.core.objects import Key, ObjectMap, key_of
from gagarin.core.policy import Policy
from gagarin.core.problems import Problem
from gagarin.core.resolve import resolve

_KEY = rf"(?P<kind>{'|'.join(KINDS)}) (?P<namespace>[^/\s]+)/(?P<name>[^,\s]+)"
# How the core words a problem: "FIELD: what", or "KEY, FIELD: what" of somebody else's field.
_FIELD = r"(?P<field>(?:spec|metadata)(?:\[[^\]]*\]|[^\s:\[])*)"
_PLACE = re.compile(rf"(?:{_KEY}, )?{_FIELD}: (?P<what>.*)", re.DOTALL)
_NOT_ACCEPTED = re.compile(rf"{_KEY} is not accepted: ")
_MISSING = re.compile(r"(?P<kind>\w+) (?:(?P<namespace>[^/\s]+)/)?(?P<name>\S+) does not exist")
_PART = re.compile(r"\[(?P<index>[^\]]*)\]|(?P<name>[^.\[\]]+)")


def lint(reading: Reading, policy: Policy) -> list[Finding]:
    """Everything that is wrong with what was read, in the order of files and lines."""
    manifests = reading.by_key()
    judged = {key: manifest for key, manifest in manifests.items() if manifest.is_ours}
    own = [found for manifest in reading.manifests if manifest.is_ours for found in _own(manifest)]
    broken = frozenset(key for key, _ in own)
    findings = {*_unreadable(reading), *_duplicates(reading), *(finding for _, finding in own)}
    objects = ObjectMap([manifest.item for manifest in manifests.values()])
    told = [
        finding
        for key in judged.keys() - broken
        for problem in resolve(judged[key].item, objects, policy).problems
        for finding in _told(key, problem, manifests, broken)
    ]
    return sorted(findings | set(_once(told)))


def _once(told: list[tuple[Key, Finding]]) -> Iterator[Finding]:
    """Each field's problem once: in the words of the object that has it, not of those that refer to it."""
    seen: dict[tuple[str, str], Finding] = {}
    for _, finding in sorted(told, key=lambda each: (each[1].object != str(each[0]), each)):
        seen.setdefault((finding.object, finding.message), finding)
    yield from seen.values()


def _unreadable(reading: Reading) -> Iterator[Finding]:
    for fault in reading.faults:
        yield Finding(fault.file, fault.line, fault.column, "error", "syntax", "", fault.problem)


def _duplicates(reading: Reading) -> Iterator[Finding]:
    first: dict[tuple[str, Key], Manifest] = {}
    for manifest in reading.manifests:
        group = manifest.item["apiVersion"].rpartition("/")[0]
        key = key_of(manifest.item)
        known = first.setdefault((group, key), manifest)
        if known is not manifest:
            there = known.place()
            message = f"it is already in {there.file}:{there.line}"
            yield _finding(key, manifest, ("metadata", "name"), "duplicate", message)


def _own(manifest: Manifest) -> Iterator[tuple[Key, Finding]]:
    """What is wrong with it by itself."""
    key = key_of(manifest.item)
    for fault in faults_of(manifest.item):
        message = f"{_spelt(fault.path)}: {fault.message}"
        yield key, _finding(key, manifest, fault.path, fault.rule, message)


def _told(
    root: Key, problem: Problem, manifests: dict[Key, Manifest], broken: frozenset[Key]
) -> Iterator[tuple[Key, Finding]]:
    """The problem where it can be mended: at the field that it names. With the object that has it."""
    found = _PLACE.fullmatch(problem.message)
    if found is None:
        yield root, _finding(root, manifests[root], ("metadata", "name"), problem.reason, problem.message)
        return
    owner = Key(found["kind"], found["namespace"], found["name"]) if found["kind"] else root
    refused = _NOT_ACCEPTED.match(found["what"])
    if refused and Key(refused["kind"], refused["namespace"], refused["name"]) in broken:
        return  # said there, with the field
    if owner not in manifests:
        owner = root
    severity = _severity(found["what"], problem, manifests)
    message = f"{found['field']}: {found['what']}"
    path = path_of(found["field"])
    yield root, _finding(owner, manifests[owner], path, problem.reason, message, severity)


def _severity(what: str, problem: Problem, manifests: dict[Key, Manifest]) -> Severity:
    if "which are not known" in what and problem.reason == "RefNotReady":
        return "warning"  # labels of a Namespace that is not among the files
    missing = _MISSING.match(what)
    if problem.reason != "RefNotFound" or missing is None:
        return "error"
    covered = {key.namespace for key in manifests} | {
        key.name for key in manifests if key.kind == "Namespace"
    }
    return "warning" if missing["kind"] == "Secret" or missing["namespace"] not in covered else "error"


def path_of(field: str) -> FieldPath:
    """The path that is written `spec.tools[0].toolRef`; in brackets there is a number or the name of an
    item."""
    parts = (found["name"] or found["index"] for found in _PART.finditer(field))
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def _spelt(path: FieldPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _finding(
    key: Key, manifest: Manifest, path: FieldPath, rule: str, message: str, severity: Severity = "error"
) -> Finding:
    return Finding(*manifest.place(path), severity, rule, str(key), message)
