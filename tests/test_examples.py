"""The examples are installed and pass their own tests, as their README says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # each is built and installed

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    "name", sorted(each.parent.name for each in EXAMPLES.glob("*/pyproject.toml"))
)
def test_an_example_passes_its_tests_once_it_is_installed(name, tmp_path):
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    options = ("--disable-pip-version-check", "--target", tmp_path, EXAMPLES / name)
    subprocess.run([sys.executable, *pip, *options], check=True, timeout=240)

    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / name],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=EXAMPLES / name,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert " passed" in tests.stdout, tests.stdout
    assert tests.returncode == 0, tests.stdout
