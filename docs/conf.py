"""How the site is made of these pages: `make docs`. Every warning is an error; decision 0034 says why Sphinx.

The pages read the same on a code host. What leads out of docs/, to a file of the repository, is turned by
`_site/repository.py`, which also checks that the file is there.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER / "_site"))

project = "Gagarin"
release = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
version = release
language = "en"
extensions = ["myst_parser", "repository"]
exclude_patterns = ["_site"]
nitpicky = True

myst_heading_anchors = 4  # links to headings, by the names that code hosts give them
myst_enable_extensions = ["colon_fence"]
myst_links_external_new_tab = False

highlight_language = "text"  # a block that names no language is a picture, or what a program printed

html_theme = "furo"
html_title = f"Gagarin {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "tango"
pygments_dark_style = "monokai"

# `make docs-links` asks every address. What stands for a reader's own is not asked.
linkcheck_ignore = [r"https?://[^/]*(example\.(com|org)|\.svc|\.local|localhost|127\.0\.0\.1)"]
linkcheck_timeout = 15
linkcheck_retries = 2
