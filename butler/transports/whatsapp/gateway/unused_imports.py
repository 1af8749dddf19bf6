"""Leaves out what neonize imports for link previews, media and codes in a terminal.

Butler uses none of that, and it takes 14 MB and a third of the start. In place of those packages
stand empty ones; whatever is imported from them is a class that nothing can be made of.
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
        is_unused = fullname.partition(".")[0] in UNUSED
        return ModuleSpec(fullname, self, is_package=True) if is_unused else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def leave_out() -> None:
    """Let every import of these packages, in this process, give an empty one."""
    sys.meta_path.insert(0, _Finder())
