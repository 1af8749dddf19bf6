"""Leaves out what neonize imports for link previews, media and codes in a terminal.

Butler needs none of that at the start, of which it takes a third, and 14 MB. In place of those
packages stand empty ones; whatever is imported from them is a class that nothing can be made of.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

UNUSED = frozenset(
    {"PIL", "bs4", "httpx", "linkpreview", "magic", "phonenumbers", "requests", "segno"}
)

_brought_back: set[str] = set()


class _Placeholder(type):
    """The type of what is imported: has every attribute, and fits into annotations."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _placeholder(f"{cls.__name__}.{name}")

    def __call__(cls, *_args: object, **_named: object) -> NoReturn:
        raise RuntimeError(f"{cls.__name__} was left out of the gateway")


def _placeholder(name: str) -> type:
    # An exception, so that it can stand in an "except" clause.
    return _Placeholder(name, (Exception,), {})


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _placeholder(f"{self.__name__}.{name}")


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_unused = fullname.partition(".")[0] in UNUSED - _brought_back
        return ModuleSpec(fullname, self, is_package=True) if is_unused else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def leave_out() -> None:
    """Let every import of these packages, in this process, give an empty one."""
    sys.meta_path.insert(0, _Finder())


def bring_back(package: str) -> None:
    """Let later imports of a package give the real one; what has imported it keeps the empty one.

    Butler itself needs it, though rarely.
    """
    if package not in _brought_back:
        _brought_back.add(package)
        for name in [each for each in sys.modules if each.partition(".")[0] == package]:
            if isinstance(sys.modules[name], _EmptyModule):
                del sys.modules[name]
