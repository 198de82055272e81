"""The studio: a page on this machine that shows learning rates, what they would cost, and what they do.

`glideslope studio` opens it; `gs.studio(law)` shows it in a notebook, which is why this package can be called.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package of the name of its function: `gs.studio` is both, whichever is asked for first."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from glideslope.studio.notebook import studio

        return studio(*args, **options)


sys.modules[__name__].__class__ = _Callable
