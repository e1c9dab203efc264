"""Build the video-chat panel into `qhub/labextension`; `make labextension` calls it.

What is built is committed, so that nobody needs Node to deploy. A fingerprint of the source lies
beside it: `--check` says whether the two belong together.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
BUILT = SOURCE.parent / "qhub" / "labextension"
FINGERPRINT = "source.sha256"
PARTS = ("package.json", "rspack.config.js", "src", "style", "tsconfig.json")


def fingerprint() -> str:
    """A sum over the names and contents of the source."""
    total = hashlib.sha256()
    files = [
        file for part in PARTS for path in [SOURCE / part] for file in [path, *path.rglob("*")]
    ]
    for file in sorted(path for path in files if path.is_file()):
        total.update(file.relative_to(SOURCE).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def build() -> None:
    """Compile and bundle; the same source gives the same bytes, in whatever folder."""
    quiet = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
    subprocess.run(["npm", "install", *quiet], cwd=SOURCE, check=True)
    for folder in (SOURCE / "lib", BUILT):
        shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["npm", "run", "build"], cwd=SOURCE, check=True)
    (BUILT / FINGERPRINT).write_text(fingerprint() + "\n", encoding="utf-8")


def check() -> int:
    """The exit code: 0 when what is built comes from the present source."""
    file = BUILT / FINGERPRINT
    if file.is_file() and file.read_text(encoding="utf-8").strip() == fingerprint():
        return 0
    print(f"{os.path.relpath(BUILT)} is not built from {os.path.relpath(SOURCE)}", file=sys.stderr)
    print("hint: make labextension", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else build())
