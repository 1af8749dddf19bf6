import subprocess
import sys

import pytest

import butler

NAMES = {
    "At",
    "Attachment",
    "ButlerError",
    "ChatNames",
    "Command",
    "ConfigError",
    "Context",
    "DataError",
    "FileLock",
    "Finding",
    "ForeignCall",
    "GitError",
    "LiveRun",
    "LONG_S",
    "Machine",
    "Message",
    "Meter",
    "OpenInquiry",
    "Overview",
    "RunReport",
    "RunSummary",
    "Said",
    "Way",
    "said",
    "PASS",
    "Pass",
    "Person",
    "Plugin",
    "PluginError",
    "Pruning",
    "Reply",
    "Repo",
    "Role",
    "SECRET_SHAPES",
    "Seal",
    "Seconds",
    "Secret",
    "Send",
    "Session",
    "Settings",
    "UserError",
    "ago",
    "ask_process",
    "command",
    "content_type",
    "duration",
    "fenced",
    "folded",
    "listed",
    "listener",
    "open_database",
    "run_git",
}


def test_these_names_are_public_and_no_others():
    assert set(butler.__all__) == NAMES
    assert len(butler.__all__) == len(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_can_be_imported(name):
    assert getattr(butler, name) is not None


def test_another_name_is_refused_like_everywhere_in_python():
    with pytest.raises(AttributeError, match="module 'butler' has no attribute 'nope'"):
        butler.nope  # noqa: B018 - the access is the act


def test_importing_butler_imports_no_other_module_of_it_nor_any_package():
    program = "import sys; import butler; print(*sorted(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    modules = said.stdout.split()
    assert "butler" in modules
    assert not [each for each in modules if each.startswith(("butler.", "pydantic", "neonize"))]
