"""What stays of a session, and how it is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.cli.dev.reach import Here, found_here
from gagarin.cli.dev.report import Served
from gagarin.cli.dev.state import SESSION, Session, State, find, running, write_private
from gagarin.cli.errors import CommandError
from gagarin.cli.reach import Renewed
from gagarin.core.objects import Key

HELLO = Served("hello", "team", "http://127.0.0.1:8080", "/token", "1234")
SESSIONS = Session("/manifests", "http://127.0.0.1:1", "/api-token", (HELLO,))


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.of(tmp_path / "my agent", {"XDG_STATE_HOME": str(tmp_path)})


def test_each_folder_has_a_state_of_its_own(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    one, other = State.of(tmp_path / "a" / "x", environment), State.of(tmp_path / "b" / "x", environment)
    assert one.folder != other.folder
    assert one.folder == State.of(tmp_path / "a" / ".." / "a" / "x", environment).folder


def test_nobody_else_can_read_it(state: State) -> None:
    with state.held():
        state.announce(SESSIONS)
        assert state.folder.stat().st_mode & 0o077 == 0
        assert (state.folder / SESSION).stat().st_mode & 0o077 == 0


def test_it_is_found_while_it_runs_and_not_after(state: State, tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    with state.held():
        state.announce(SESSIONS)
        assert running(environment) == [SESSIONS]
    assert running(environment) == []


def test_one_that_was_killed_is_not_found(state: State, tmp_path: Path) -> None:
    with state.held():
        pass
    state.announce(SESSIONS)
    assert running({"XDG_STATE_HOME": str(tmp_path)}) == []


def test_what_is_no_session_is_not_found(state: State, tmp_path: Path) -> None:
    with state.held():
        (state.folder / SESSION).write_text("{", encoding="utf-8")
        assert running({"XDG_STATE_HOME": str(tmp_path)}) == []


def test_a_folder_is_served_once(state: State) -> None:
    with state.held(), pytest.raises(CommandError, match="runs for this folder already"), state.held():
        pass


def test_a_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    state = State(tmp_path / "file" / "state")
    with pytest.raises(CommandError, match="XDG_STATE_HOME"), state.held():
        pass


def test_ports_are_remembered_until_they_are_forgotten(state: State) -> None:
    ports = {Key("Instance", "team", "hello"): 8080}
    with state.held():
        assert state.ports() == {}
        state.remember(ports)
        data = state.home(Key("Instance", "team", "hello")) / "data"
        (data / "conversations.sqlite").touch()
        assert state.ports() == ports
        state.forget()
        assert state.ports() == {}
        assert not data.exists()


def test_a_file_is_replaced_only_when_it_changes(tmp_path: Path) -> None:
    assert write_private(tmp_path / "a" / "b", b"1")
    assert not write_private(tmp_path / "a" / "b", b"1")
    assert write_private(tmp_path / "a" / "b", b"2")
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b"]


def test_an_instance_is_found_by_name_and_namespace() -> None:
    assert find([SESSIONS], "hello", None) == (SESSIONS, HELLO)
    assert find([SESSIONS], "hello", "team") == (SESSIONS, HELLO)
    assert find([SESSIONS], "hello", "default") is None
    with pytest.raises(CommandError, match="several"):
        find([SESSIONS, SESSIONS], "hello", None)


def test_what_is_not_there_is_an_error_for_who_wanted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert found_here("hello", None, wanted=None) is None
    assert found_here("hello", None, wanted=False) is None
    with pytest.raises(CommandError, match="no `gagarin dev` runs that has an Instance hello"):
        found_here("hello", None, wanted=True)


def test_the_way_there_is_the_developer_s_unless_somebody_else_is_named() -> None:
    here = Here(SESSIONS, HELLO)
    assert here.way(None, None).token == Path("/token")
    assert isinstance(here.way("caller", None).token, Renewed)
    assert here.bearer("caller").service_account == "caller"
    assert here.bearer(None).service_account == "developer"


def test_an_instance_with_a_certificate_is_called_by_its_name() -> None:
    served = Served("hello", "team", "https://127.0.0.1:1", "/token", "1", "hello.team.svc", "/ca")
    way = Here(SESSIONS, served).way(None, None)
    assert (way.server_name, way.ca_file) == ("hello.team.svc", Path("/ca"))
    assert Here(SESSIONS, served).way(None, Path("/mine")).ca_file == Path("/mine")
