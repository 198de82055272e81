"""The leaves of a pytree by name."""

from __future__ import annotations

from typing import Any

from jax.tree_util import tree_flatten_with_path


def leaves(tree: Any) -> list[tuple[str, Any]]:
    """Each leaf with its path, joined by dots, in JAX's order.

    >>> leaves({"head": {"w": 1}, "body": [2, 3]})
    [('body.0', 2), ('body.1', 3), ('head.w', 1)]
    """
    return [(".".join(map(_key, path)), leaf) for path, leaf in tree_flatten_with_path(tree)[0]]


def _key(entry: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)
