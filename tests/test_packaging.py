"""The distributions hold everything that Butler needs."""

from pathlib import Path

import pytest

from butler_process import run_python

pytestmark = pytest.mark.timeout(300)  # it builds and installs

ROOT = Path(__file__).parents[1]
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_is_built_works_from_another_folder(kind, tmp_path):
    build = run_python("-m", "hatchling", "build", "-t", kind, "-d", tmp_path / "dist", cwd=ROOT)
    assert build.returncode == 0, build.stderr
    (built,) = (tmp_path / "dist").iterdir()
    pip = run_python(
        *("-m", "pip", "install", "--quiet", *OFFLINE, "--target", tmp_path / "site", built),
        cwd=tmp_path,
    )
    assert pip.returncode == 0, pip.stderr
    (tmp_path / "config.toml").write_text('data_dir = "data"\n')

    result = run_python(
        *("-P", "-m", "butler", "console"),
        cwd=tmp_path,
        typed="/repos\n",
        PYTHONPATH=str(tmp_path / "site"),
    )

    assert result.stdout == "No repos are configured yet.\n\n", result.stderr
    assert _resources(tmp_path / "site") == _resources(ROOT) | _resources(ROOT / "plugins")


def _resources(folder):
    """Return the files of Butler's packages that are no modules."""
    return {
        str(path.relative_to(folder))
        for package in folder.glob("butler*/__init__.py")
        for path in package.parent.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
