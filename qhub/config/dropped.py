"""Settings of classic QHub and Nebari that are gone, and what to do about each."""

from __future__ import annotations

_DELETE = "delete it"

# Path of the setting (`*` for any name) → why it is gone, what to do.
DROPPED: dict[tuple[str, ...], tuple[str, str]] = {
    ("prefect",): ("it is no part of the platform any more", _DELETE),
    ("clearml",): ("it is no part of the platform any more", _DELETE),
    ("cdsdashboards",): ("ContainDS Dashboards is not developed any more", _DELETE),
    ("kbatch",): ("it is no part of the platform any more", _DELETE),
    ("argo_workflows",): ("it is no part of the platform any more", _DELETE),
    ("jhub_apps",): ("it is no part of the platform any more", _DELETE),
    ("telemetry",): ("nothing is reported to anybody", _DELETE),
    ("terraform_modules",): ("the modules come with qhub", _DELETE),
    ("terraform_version",): ("any Terraform from 1.6 does", _DELETE),
    ("qhub_version",): ("a file is not bound to one version", _DELETE),
    ("nebari_version",): ("a file is not bound to one version", _DELETE),
    ("prevent_deploy",): ("`qhub deploy --plan` shows what would change", _DELETE),
    ("external_container_reg",): (
        "images name their registry themselves",
        "write `registry.example.org/name:tag` in `default_images`",
    ),
    ("helm_extensions",): ("it has no successor", _DELETE),
    ("tf_extensions",): ("it has no successor", _DELETE),
    ("ingress",): ("it has no successor", _DELETE),
    ("ceph",): ("any StorageClass does", "name it as `storage.shared_storage_class`"),
    ("azure", "project"): ("nothing ever read it", _DELETE),
    ("google_cloud_platform", "zone"): ("nothing read it", "use `availability_zones`"),
    ("security", "keycloak"): ("users log in at the hub itself", "use `security.authentication`"),
    ("security", "shared_users_group"): ("groups are listed", "use `security.groups`"),
    ("storage", "type"): (
        "the StorageClass decides",
        "name it as `storage.shared_storage_class`",
    ),
    ("ci_cd", "commit_render"): ("`stages/` is made anew in each run", _DELETE),
    ("conda_store", "image_tag"): ("the tag belongs to the image", "use `default_images`"),
    ("conda_store", "image"): ("images stand in one place", "use `default_images.conda_store`"),
    ("conda_store", "object_storage"): ("nothing ever read it", "use `storage.conda_store`"),
    ("profiles", "jupyterlab", "*", "access"): (
        "`users` and `groups` of the profile decide",
        _DELETE,
    ),
    ("profiles", "dask_worker", "*", "worker_extra_container_config"): (
        "workers ask for devices as servers do",
        "use `extra_resource_limits: {nvidia.com/gpu: 1}`",
    ),
    ("profiles", "dask_worker", "*", "worker_extra_pod_config"): (
        "workers are placed as servers are; the taint of a device is tolerated by itself",
        "use `node_selector`",
    ),
    ("local", "kube_context"): (
        "`provider: local` is this machine now",
        "use `provider: existing` for a cluster",
    ),
    ("local", "node_selectors"): (
        "`provider: local` is this machine now",
        "use `provider: existing` for a cluster",
    ),
}


def dropped(path: tuple[str | int, ...]) -> tuple[str, str] | None:
    """Why the setting at `path` is gone and what to do, or None if it never was one."""
    for known, answer in DROPPED.items():
        if len(known) == len(path) and all(a in ("*", b) for a, b in zip(known, path, strict=True)):
            return answer
    return None
