"""Where a deployment without internet gets its parts: what `mirror` of the file says to whom."""

from __future__ import annotations

from qhub.config.services import Mirror
from qhub.runner.folder import Folder, write


def tell_terraform(mirror: Mirror, folder: Folder) -> str | None:
    """Have Terraform take its providers from the mirror, and from nowhere else.

    Returns:
        Terraform's configuration file that says so; None where there is no mirror.
    """
    place = mirror.terraform_providers
    if place is None:
        return None
    if "://" in place:
        method = f'network_mirror {{\n    url = "{place.rstrip("/")}/"\n  }}'
    else:
        method = f'filesystem_mirror {{\n    path = "{place}"\n  }}'
    file = folder.private / "terraform.rc"
    write(file, f"provider_installation {{\n  {method}\n}}\n".encode())
    return str(file)
