"""What PyPI shows: README.md, whose links into the repository are made whole."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


class Readme(MetadataHookInterface):
    """Sets the metadata's readme; pictures come from the repository's main branch."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling, with the table ``project`` of pyproject.toml."""
        source = metadata["urls"]["Source"]
        raw = source.replace("github.com", "raw.githubusercontent.com") + "/main/"

        def whole(link: re.Match[str]) -> str:
            picture = link[1].endswith((".png", ".svg"))
            return f"]({raw if picture else f'{source}/blob/main/'}{link[1]})"

        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": RELATIVE.sub(whole, text)}
