"""Links from a page to a file of the repository, such as ../charts/gagarin/values.yaml.

On a code host they work as they are. In the site they lead to the code host when its address is known
(`GAGARIN_REPOSITORY`, such as https://code.example/gagarin/blob/main), and otherwise to a copy of the file in
the site itself, so that no link of a site that is read from a disk leads nowhere. A link to something that
the repository does not have stays as it is, and Sphinx complains about it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
COPIES = "_repository"
ADDRESS = os.environ.get("GAGARIN_REPOSITORY", "").rstrip("/")
_copied: set[Path] = set()


class RepositoryLinks(SphinxTransform):
    """Turns what the parser found to be a file, or nothing it knows, into a link to the repository's file."""

    default_priority = 8

    def apply(self, **_: object) -> None:
        """Replace each reference whose target is in the repository and not in docs/."""
        page = Path(self.env.doc2path(self.env.docname))
        for node in [*self.document.findall(_is_a_link)]:
            target = _target(page, node["reftarget"])
            if target is not None:
                link = nodes.reference(
                    "", "", *node.children, refuri=self._address(page, target), internal=False
                )
                node.replace_self(link)

    def _address(self, page: Path, target: Path) -> str:
        inside = target.relative_to(ROOT)
        if self.app.builder.format != "html":  # such as linkcheck, which looks at the files themselves
            return os.path.relpath(target, page.parent)
        if ADDRESS:
            return f"{ADDRESS}/{quote(inside.as_posix())}"
        _copied.add(inside)
        here = self.app.builder.get_target_uri(self.env.docname)
        return relative_uri(here, quote(_place(inside).as_posix()))


def _is_a_link(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.download_reference | addnodes.pending_xref) and "reftarget" in node


def _target(page: Path, link: str) -> Path | None:
    """The file or folder that a link of a page leads to, if it is in the repository and outside of docs/.

    The parser takes .md away, because it holds such a file to be a page.
    """
    named = page.parent / link.partition("#")[0]
    for path in (named.resolve(), named.with_name(f"{named.name}.md").resolve()):
        if path.exists() and path.is_relative_to(ROOT) and not path.is_relative_to(DOCS):
            return path
    return None


def _place(inside: Path) -> Path:
    """Where the copy is: browsers show .txt, and neither run nor download it. A folder is a list of files."""
    if (ROOT / inside).is_dir():
        return Path(COPIES, inside, "index.txt")
    return Path(COPIES, inside.parent, f"{inside.name}.txt")


def copy_files(app: Sphinx, failure: Exception | None) -> None:
    """Put the files that pages link to into the site."""
    if failure or app.builder.format != "html":
        return
    for inside in sorted(_copied):
        place = Path(app.outdir, _place(inside))
        place.parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / inside
        if source.is_dir():
            place.write_text(_listing(source), encoding="utf-8")
        else:
            shutil.copyfile(source, place)


def _listing(folder: Path) -> str:
    """The files of a folder, its README first, and what they say."""
    files = sorted(folder.glob("*"), key=lambda file: (file.name != "README.md", file.name))
    names = "\n".join(f"{file.name}/" if file.is_dir() else file.name for file in files)
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    return f"{folder.relative_to(ROOT)}/\n\n{names}\n\n{text}"


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls. A page has to be read anew in each build, or the copies would not be known."""
    app.add_transform(RepositoryLinks)
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
