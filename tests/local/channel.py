"""A conda channel in a folder, with packages made here: conda's own can't be asked in a test."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rattler
from rattler.index import index_fs

from qhub.local import interpreter


@dataclass
class Channel:
    """A folder that conda packages come from."""

    folder: Path

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        version: str = "1.0",
        depends: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
    ) -> None:
        """Put a package in; one with links is of this platform, any other of all."""
        subdir = str(rattler.Subdir.current()) if links else "noarch"
        index = {"name": name, "version": version, "build": "0", "build_number": 0}
        index |= {"depends": [*depends], "subdir": subdir}
        index |= {} if links else {"noarch": "python"}
        content = {path: text.encode() for path, text in files.items()}
        paths = [_entry(path, data, "hardlink") for path, data in content.items()]
        paths += [_entry(path, b"", "softlink") for path in links or {}]
        content["info/index.json"] = json.dumps(index).encode()
        content["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
        (self.folder / subdir).mkdir(parents=True, exist_ok=True)
        with tarfile.open(self.folder / subdir / f"{name}-{version}-0.tar.bz2", "w:bz2") as package:
            for path, data in content.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), 0o644
                package.addfile(member, io.BytesIO(data))
            for path, target in (links or {}).items():
                member = tarfile.TarInfo(path)
                member.type, member.linkname = tarfile.SYMTYPE, target
                package.addfile(member)
        asyncio.run(index_fs(self.folder))

    def add_python(self, python: Path) -> None:
        """A package `python` that is a virtual environment of the machine's."""
        found = interpreter.probe(python)
        assert found is not None
        version = ".".join(map(str, found.version))
        files = {
            "pyvenv.cfg": f"home = {found.path.parent}\n",
            f"lib/python{version}/site-packages/.keep": "",
        }
        self.add("python", files, version=f"{version}.0", links={"bin/python": str(found.path)})


def _entry(path: str, data: bytes, kind: str) -> dict[str, object]:
    return {
        "_path": path,
        "path_type": kind,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_in_bytes": len(data),
    }
