"""How the pages are made: `make docs`."""

import os
import sys
from pathlib import Path

import napari_dpvae

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "napari-dpvae"
author = "napari-dpvae developers"
copyright = author
version = release = napari_dpvae.__version__
html_title = "napari-dpvae"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "large_pictures",
    "settings_page",
]
exclude_patterns = ["_build"]
if "DPVAE_DATA" not in os.environ:
    exclude_patterns += ["notebooks/embryo.md", "notebooks/spots_and_cells.md"]

html_theme = "sphinx_book_theme"
html_theme_options = {"show_toc_level": 2, "home_page_in_toc": True, "navbar_persistent": []}
html_static_path = ["_static"]
html_css_files = ["pages.css"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# The notebooks train for seconds each; what they show is what they did.
nb_execution_mode = "cache"
nb_execution_cache_path = str(Path(__file__).parent / "_build" / "notebooks")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
nitpicky = False
