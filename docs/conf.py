"""Settings of Sphinx for the site: `build.py` gathers the pages in a folder of its own and runs Sphinx there."""

import re

import afm_numpy

project = "afm_numpy"
author = "The afm_numpy authors"
copyright = "2026, the afm_numpy authors. MIT licence"
release = afm_numpy.__version__

extensions = [
    "myst_nb",                      # Markdown and notebooks, with the outputs that they store
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx-mathjax-offline",       # formulas are typeset without a network
]
default_role = "py:obj"             # `forward` in a docstring is code, and a link where the site knows the name
smartquotes = False                 # 'network' can be copied
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
numpydoc_show_class_members = False
autodoc_default_options = {"members": True}
autodoc_typehints = "none"          # the types stand in the docstrings, with shapes
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True    # dtype=np.float64, as the source says
toc_object_entries_show_parents = "hide"
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "pydata_sphinx_theme"
html_title = "afm_numpy"
html_static_path = ["static"]
html_extra_path = ["extra"]
html_css_files = ["site.css"]
highlight_language = "none"         # an indented block is a formula or a drawing
html_sidebars = {"*/*": ["sidebar-nav-bs", "page-toc"], "*": []}  # the contents of a page stand below its chapter
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False    # a page opened as a file may not read others
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": {"*": ["page-toc"]},                # or on the right, where there are no chapters
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_end": ["theme-switcher"],
}


def as_they_stand(app, what, name, obj, options, lines):
    """Keep the lines of formulas and drawings, which stand indented before the sections; |f| is no link."""
    section = next((i for i, line in enumerate(lines) if re.fullmatch(r"-{3,}", line.strip())), len(lines) + 1) - 1
    examples = lines.index("Examples") if "Examples" in lines else len(lines)
    new, literal = [], False
    for i, line in enumerate(lines):
        indented = line.startswith("    ") and i < section
        if indented and not literal and not new[-1:] == ["::"] and (not new or not new[-1].strip()):
            new += ["::", ""]
            literal = True
        elif line.strip() and not indented:
            literal = False
        plain = re.sub(r"`(\w*<\w+>)`", r"``\1``", line.replace("|", r"\|"))      # d<name> is no link either
        new.append(line if literal or i > examples else plain)
    lines[:] = new


def below_the_package(app, env, node, contnode):
    """`fm.forward` in a docstring means afm_numpy.fm.forward, and a class has one name everywhere."""
    python, target = env.get_domain("py"), node["reftarget"]
    if node.get("refdomain") != "py" or not ("." in target or target[1:].islower() and target[0].isupper()):
        return None
    name = min((known for known in python.objects if f".{known}".endswith(f".{target}")), key=len, default="")
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, contnode) if name else None


def break_lines(app, pagename, templatename, context, doctree):
    """In a table a long name may break after a dot, a colon, a slash or an underscore; no line begins with a comma."""
    places = re.compile(r"(?<=[.:/_])(?=\w)(?!py\b)")
    names = re.compile(r'(?<=<span class="pre">)[^<]{16,}')
    body = names.sub(lambda name: places.sub("<wbr>", name[0]), context.get("body", ""))
    ends = re.compile(r'\(?<span class="math[^>]*>[^<]*</span>[.,;:?)]+')
    context["body"] = ends.sub(r'<span class="text-nowrap">\g<0></span>', body)


def is_field_alone(app, what, name, obj, skip, options):
    """A field of a NamedTuple has no docstring of its own: the class says what it holds."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app):
    app.connect("missing-reference", below_the_package)
    app.connect("html-page-context", break_lines)
    app.connect("autodoc-skip-member", is_field_alone)
    app.connect("autodoc-process-docstring", as_they_stand, priority=100)    # before numpydoc
