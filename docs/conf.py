"""The documentation site: `make docs` builds it, with warnings as errors."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent / "src")]

import generated  # noqa: E402
import pictures  # noqa: E402

import glideslope  # noqa: E402

generated.write(HERE)

project = "Glideslope"
author = "The Glideslope maintainers"
copyright = "The Glideslope maintainers"
version = release = glideslope.__version__

extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_gallery.gen_gallery",
]  # fmt: skip
root_doc = "index"
exclude_patterns = [
    "README.md", "_build",
    "_extensions", "_schedules", "_templates", "locale", "**/GALLERY_HEADER.rst", "gallery/*.ipynb",
]  # fmt: skip
templates_path = ["_templates"]
default_role = "code"
highlight_language = "text"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Tutorials run when they have changed; the languages have one cache of what they print.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build/.jupyter_cache")
nb_execution_timeout = 1800
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True

sphinx_gallery_conf = {
    "examples_dirs": "_schedules",
    "gallery_dirs": "gallery",
    "image_scrapers": (pictures.scraper,),
    "filename_pattern": r"schedule_",
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 1_000,
    "remove_config_comments": True,
    "thumbnail_size": (320, 224),
    "write_computation_times": False,
    "nested_sections": False,
    "abort_on_example_error": True,
}
# Pictures of the gallery are functions to pickle, which Sphinx says of each build.
# An annotation `Scheduler` may be of any framework's.
suppress_warnings = ["config.cache", "ref.python"]

locale_dirs = ["locale"]
gettext_compact = False
gettext_uuid = False

html_theme = "furo"
html_title = f"Glideslope {release}"
html_sidebars = {
    "**": [
        "sidebar/brand.html", "sidebar/search.html", "language.html", "sidebar/scroll-start.html",
        "sidebar/navigation.html", "sidebar/scroll-end.html",
    ]
}  # fmt: skip
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
# The search needs no server: the index is a script beside the pages.
html_search_language = "en"
