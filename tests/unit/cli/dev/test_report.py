"""What is said, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

from gagarin.cli.dev.report import Report, Served
from gagarin.cli.errors import ManifestError
from gagarin.cli.findings import Finding

HELLO = Served("hello", "default", "http://127.0.0.1:8080", "/token", "1234")


def said(output: str = "text", *, quiet: bool = False) -> list[str]:
    lines: list[str] = []
    report = Report(lines.append, output, quiet=quiet)
    report.tell("note", "info", "good to know")
    report.finding(Finding("a.yaml", 1, 2, "error", "schema", "Agent default/a", "wrong"))
    report.finding(Finding("b.yaml", 1, 2, "error", "syntax", "", "unreadable"))
    report.unreadable(ManifestError("c.yaml", 3, 4, "no YAML"))
    report.ready(HELLO, "is ready")
    report.crashed("hello", -9, ("last words",), 2.0)
    report.crashed("hello", 1, (), 2.0)
    report.said("it", "\x1b[2Jcleared")
    report.how_to([HELLO], Path("/manifests"))
    return lines


def test_people_read_lines() -> None:
    assert said()[:8] == [
        "good to know",
        "a.yaml:1:2: error schema: Agent default/a: wrong",
        "b.yaml:1:2: error syntax: unreadable",
        "c.yaml:3:4: no YAML",
        "default/hello is ready at http://127.0.0.1:8080 (revision 1234)",
        "hello was ended by signal 9; it is started again in 2 s\n  last words",
        "hello ended with status 1; it is started again in 2 s",
        "[it] [2Jcleared",
    ]


def test_people_are_told_what_to_do_next() -> None:
    what = said()[-1]
    assert "gagarin chat hello\n" in what
    assert '"Authorization: Bearer $(gagarin token hello)" http://127.0.0.1:8080/chat' in what
    assert "/manifests" in what


def test_with_a_certificate_and_another_namespace_that_differs() -> None:
    lines: list[str] = []
    served = Served("hello", "team", "https://127.0.0.1:1", "/token", "1", "hello.team.svc", "/ca")
    Report(lines.append).how_to([served], Path())
    assert "curl --insecure" in lines[0]
    assert "gagarin chat hello -n team" in lines[0]


def test_quiet_leaves_out_what_is_only_good_to_know() -> None:
    assert [line for line in said() if line not in said(quiet=True)] == [said()[0], said()[-1]]


def test_programs_read_json() -> None:
    events = [json.loads(line) for line in said("json")]
    assert [event["event"] for event in events] == [
        "note", "finding", "finding", "finding", "ready", "crashed", "crashed", "log", "following"
    ]  # fmt: skip
    ready = events[4]
    assert (ready["url"], ready["token_file"], ready["level"]) == (HELLO.url, "/token", "ready")
    assert (events[1]["file"], events[1]["line"], events[1]["rule"]) == ("a.yaml", 1, "schema")
