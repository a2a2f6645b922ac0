"""What tests of the console bring along: axe-core, which looks for what shuts people out."""

from __future__ import annotations

import gzip
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
LIST = VENDOR / "vendored.toml"
AXE = VENDOR / "axe-core-4.14.1" / "axe.min.js.gz"
GRAVE = ("serious", "critical")
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules whose answer depends on the colours."""
RUN_AXE = """async ([grave, rules]) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...only });
  return found.violations.filter((each) => grave.includes(each.impact)).map(
    (each) => each.id + ": " + each.nodes.slice(0, 3).map((node) => node.html).join(" ")
  );
}"""


def content_of(path: Path) -> bytes:
    """A vendored file, unpacked."""
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def axe_source() -> str:
    """The script that a page is given by the test, past its policy."""
    return content_of(AXE).decode()
