"""Names of the files that an XForm expects: a phone stores them in the form's folder, so they must stay in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from forms.findings import Finding, Place, error
from forms.itext import media_uri
from forms.openrosa import check_filename

_XF: Final = "{http://www.w3.org/2002/xforms}"


def file_findings(root: etree._Element) -> Iterator[Finding]:
    """An error for every expected file with a root, a drive or a step out of its folder, as OpenRosa forbids."""
    named = [str(node.get("src")) for node in root.iter(f"{_XF}instance") if node.get("src")]
    named += [node.text for node in root.iter(f"{_XF}value") if node.text]
    for address in dict.fromkeys(named):
        found = media_uri(address)
        if found is None:
            continue
        try:
            check_filename(found[1])
        except ValueError as problem:
            yield error("unsafe-file-name", str(problem), "Name the file alone, without a folder.", Place(None, None, address))
