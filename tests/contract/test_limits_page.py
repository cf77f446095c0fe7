"""docs/limits.md says what services/kit/limits.py says."""

import re
from pathlib import Path

from services.kit import limits

PAGE = Path(__file__).parents[2] / "docs/limits.md"


def test_the_page_has_every_limit_with_its_value():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([0-9.,]+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    listed = {name: value for name, value, _ in rows}
    assert len(listed) == len(rows), "a limit is listed twice"
    assert listed == {name: f"{value:,}" for name, value in vars(limits).items() if name.isupper()}
