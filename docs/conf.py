"""Configuration of the documentation build."""

from importlib.metadata import version as version_of

project = "Trivet"
author = "Trivet contributors"
project_copyright = author
version = release = version_of("trivet")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"

# A reference into Trivet has to resolve; one into another project cannot, without that project's inventory.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!trivet(_\w+)?\.).*")]

html_theme = "furo"
html_title = "Trivet"
html_copy_source = False
