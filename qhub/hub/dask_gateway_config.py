"""What `dask-gateway-server -f` reads; the settings lie in `QHUB_SETTINGS`."""

import importlib
import json
import os
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
# The folder is the package; it has another name here than in qhub.
gateway = importlib.import_module(f"{here.name}.gateway")
settings = json.loads(Path(os.environ["QHUB_SETTINGS"]).read_text(encoding="utf-8"))
gateway.configure(get_config(), settings)  # type: ignore[name-defined]  # noqa: F821
