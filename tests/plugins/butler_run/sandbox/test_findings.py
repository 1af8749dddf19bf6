"""What `butler check` says of the sandbox."""

import os
import socket
from pathlib import Path

import pytest

from butler import Repo
from butler.app import read_setup
from butler.ops.checks import findings as findings_of
from butler_run.sandbox import findings as module
from butler_run.sandbox.boundary import Boundary
from butler_run.sandbox.enclosures import Enclosures, Surroundings
from butler_run.sandbox.findings import (
    InstalledAgent,
    hidden_findings,
    near_ports,
    sandbox_findings,
)
from butler_run.sandbox.probe import SandboxError


@pytest.fixture
def lines(tmp_path):
    """Check boundaries by repo; return the lines."""

    def checked(**boundaries):
        enclosures = Enclosures(Surroundings(tmp_path / "data", tmp_path / "butler.toml", []))
        return [str(each) for each in sandbox_findings(enclosures, boundaries)]

    return checked


def test_a_sandbox_that_works_is_described(lines):
    first = lines(api=Boundary(hosts=()))[0]

    assert first.startswith("ok     sandbox")
    assert "bubblewrap" in first
    assert first.endswith("prlimit enforces their limits")


def test_a_program_that_the_sandbox_hides_is_wrong_and_said_once(tmp_path):
    enclosures = Enclosures(Surroundings(tmp_path / "data", tmp_path / "butler.toml", []))
    program = tmp_path / "data" / "bin" / "agent"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    repos = [Repo(name, tmp_path / name) for name in ("api", "web")]
    for repo in repos:
        repo.path.mkdir()

    def lines(boundary, program):
        agents = [InstalledAgent(repo, repo.path, boundary, program, os.environ) for repo in repos]
        return [str(each) for each in hidden_findings(enclosures, agents)]

    [line] = lines(Boundary(), program)
    assert line.startswith("WRONG  sandbox")
    assert f"{program} needs {program.parent}, which lies in {tmp_path / 'data'}, and" in line
    assert lines(Boundary(is_boxed=False), program) == []
    assert lines(Boundary(), Path("/bin/sh")) == []


def test_check_says_of_an_agent_whose_program_is_hidden_that_it_cannot_start(butler_toml, outside):
    program = outside / "data" / "agent"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = outside / "butler.toml"
    path.write_text(butler_toml.replace('command = ["sh"]', f'command = ["{program}"]'))

    said = [str(each) for each in findings_of(read_setup(path))]

    assert any("WRONG" in each and f"{program} needs " in each for each in said)


def test_one_that_does_not_is_wrong_and_says_why(lines, mocker):
    mocker.patch(
        "butler_run.sandbox.enclosures.find", side_effect=SandboxError("There is none: do this.")
    )

    assert lines(api=Boundary())[0].startswith("WRONG  sandbox")
    assert "There is none: do this." in lines(api=Boundary())[0]


@pytest.mark.parametrize(("uid", "is_said"), [(0, True), (1000, False)])
def test_root_is_told_that_the_sandbox_is_weaker(lines, mocker, uid, is_said):
    mocker.patch.object(os, "getuid", return_value=uid)

    assert any("runs as root" in each for each in lines(api=Boundary())) is is_said


def test_repos_without_a_sandbox_are_named(lines):
    [line] = lines(api=Boundary(is_boxed=False, hosts=()), web=Boundary(is_boxed=False, hosts=()))

    assert "off for api, web: agents there can do everything that Butler's user can" in line


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (set(), "reach all of it; restrict"),
        ({2024}, "reach all of it, and port 2024 of this machine; restrict"),
        ({5432, 22}, "reach all of it, and ports 22 and 5432 of this machine; restrict"),
        ({3, 1, 2}, "and ports 1, 2 and 3 of this machine"),
        (set(range(1, 13)), "and ports 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more of this machine"),
    ],
)
def test_the_whole_network_is_said_with_the_ports_of_this_machine(lines, mocker, ports, said):
    mocker.patch.object(module, "near_ports", return_value=ports)

    assert said in lines(api=Boundary())[-1]


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "::1")],
)
def test_what_listens_near_is_found(family, address):
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        assert port in near_ports()

    assert port not in near_ports()


@pytest.mark.parametrize("place", ["data", "data/inner", "."])
def test_without_a_sandbox_no_agent_works_beside_butlers_own_files(tmp_path, place):
    enclosures = Enclosures(Surroundings(tmp_path / "data", tmp_path / "butler.toml", []))
    (tmp_path / "data" / "inner").mkdir(parents=True)
    repo = Repo("api", tmp_path / place)

    with pytest.raises(SandboxError, match=r"contains or lies in .*so agents work there in a"):
        enclosures.check(repo, Boundary(is_boxed=False))

    enclosures.check(repo, Boundary())
    (tmp_path / "beside").mkdir()
    enclosures.check(Repo("web", tmp_path / "beside"), Boundary(is_boxed=False))
