"""What conda-store's programs are told: the files that `QHUB_SETTINGS` names.

Several, where secrets lie apart from the rest: `SETTINGS:SECRETS`. The last one counts most.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def settings() -> dict[str, Any]:
    """All of it; mappings of several files are put together."""
    found: dict[str, Any] = {}
    for name in os.environ["QHUB_SETTINGS"].split(os.pathsep):
        for key, value in json.loads(Path(name).read_text(encoding="utf-8")).items():
            known = found.get(key)
            both = isinstance(known, dict) and isinstance(value, dict)
            found[key] = known | value if both else value
    return found
