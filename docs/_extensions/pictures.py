"""The picture of a script of the gallery: the matplotlib figure that it names `figure`."""

from __future__ import annotations

from typing import Any

from sphinx_gallery.scrapers import figure_rst


def scraper(block: Any, variables: dict[str, Any], configuration: dict[str, Any]) -> str:
    figure = variables["example_globals"].get("figure")
    if block[0] != "code" or figure is None:
        return ""
    path = next(variables["image_path_iterator"])
    figure.savefig(path, dpi=100, bbox_inches="tight")
    return str(figure_rst([path], configuration["src_dir"]))
