"""Something to do as soon as a package is imported, by whoever needs it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def import_after(package: str, module: str) -> None:
    """Imports a module once a package is imported: now, if it is already; never, if it never is. Keras finds a class of
    a saved model only if it is registered, for which the class's module must be imported; Keras itself takes seconds to
    import."""
    if sys.modules.get(package) is None:
        sys.meta_path.insert(0, _Watch(package, module))
    else:
        with contextlib.suppress(ImportError):
            import_module(module)


class _Watch(MetaPathFinder):
    """Finds the package where the other finders do, with a loader that goes on to the module."""

    def __init__(self, package: str, module: str) -> None:
        self.package, self.module = package, module

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.package:
            return None
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Followed(spec.loader, self)
        return spec


class _Followed(Loader):
    """A loader, and a module that is imported after what it loads."""

    def __init__(self, loader: Loader, watch: _Watch) -> None:
        self.loader, self.watch = loader, watch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        if self.watch in sys.meta_path:
            sys.meta_path.remove(self.watch)
        with contextlib.suppress(ImportError):
            import_module(self.watch.module)
