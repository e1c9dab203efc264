"""What a run made and was killed before it could note it: found by its name, taken into the state.

Terraform refuses to make what is there already. In a namespace that the deployment made itself,
and of kinds without one by their labels, what bears the name is its own.
"""

from __future__ import annotations

import re

from qhub.runner.operation import Steps
from qhub.stages.base import Place
from qhub.terraform import Event, Module

_THERE = re.compile(r'"([^"/]+)" already exists')
_RELEASE_THERE = re.compile("name that is still in use|another operation .* is in progress")
_OF_NO_NAMESPACE = (
    "kubernetes_namespace",
    "kubernetes_priority_class",
    "kubernetes_persistent_volume_v1",
)


def adopt(place: Place, module: Module, steps: Steps, known: dict[str, str]) -> str | None:
    """Have the next apply take into the state what this one met.

    A release that was not finished is forgotten instead, to be begun anew.

    Args:
        place: Where the deployment is.
        module: What was applied.
        steps: Holds the errors that came of it.
        known: What was taken in already, by address; what is now is added.

    Returns:
        What was taken in; None where there was nothing of that kind.
    """
    wanted = {
        event.address: name
        for event in steps.errors
        if event.address not in known and (name := _name(event, module))
    }
    if not wanted:
        return None
    pending = _forget_pending(place, wanted)
    own = _own(place, {address: wanted[address] for address in wanted.keys() - pending})
    known.update(own)
    module.adopt(known)
    taken = ", ".join(sorted([*own, *pending]))
    return f"an earlier run had made {taken}" if taken else None


def _name(event: Event, module: Module) -> str | None:
    """The name of what is there already."""
    told = f"{event.message}\n{event.detail}"
    kind, _, label = event.address.partition(".")
    if kind == "helm_release" and _RELEASE_THERE.search(told):
        return _release(module, label)
    found = _THERE.search(told)
    return found[1] if found and kind.startswith("kubernetes_") else None


def _release(module: Module, label: str) -> str | None:
    """The name of a release, which Terraform doesn't tell, as the module's text says it."""
    label = label.partition("[")[0]
    block = re.compile(rf'resource "helm_release" "{label}" {{\n(?:.*\n)*?\s+name\s+= "([^"]+)"')
    found = (block.search(path.read_text(encoding="utf-8")) for path in module.folder.glob("*.tf"))
    return next((match[1] for match in found if match), None)


def _forget_pending(place: Place, wanted: dict[str, str]) -> set[str]:
    """Releases that were begun and not finished: begun anew, they take over what there is."""
    from qhub.kubernetes.cluster import reach
    from qhub.kubernetes.helm import forget_pending
    from qhub.kubernetes.spaces import beside

    others = beside(place.namespace)
    cluster = reach(place.context)
    return {
        address
        for address, name in wanted.items()
        if address.startswith("helm_release.")
        and any(forget_pending(cluster, one, name) for one in (place.namespace, *others))
    }


def _own(place: Place, wanted: dict[str, str]) -> dict[str, str]:
    """Those that are the deployment's own, with what the providers know them by."""
    from qhub.kubernetes.cluster import reach
    from qhub.kubernetes.remains import remains

    left = remains(reach(place.context), place.namespace, place.name)
    nowhere = {one.name for one in left if one.namespace is None}
    found = {}
    for address, name in wanted.items():
        if address.startswith(_OF_NO_NAMESPACE):
            if name in nowhere:
                found[address] = name
        elif place.namespace in nowhere:
            found[address] = f"{_namespace(place, address, name, nowhere)}/{name}"
    return found


def _namespace(place: Place, address: str, name: str, own: set[str]) -> str:
    """Where an object is, which Terraform doesn't tell: some are beside the deployment's others."""
    from qhub.kubernetes.cluster import reach
    from qhub.kubernetes.helm import find
    from qhub.kubernetes.remains import inside
    from qhub.kubernetes.spaces import beside

    cluster = reach(place.context)
    kind = re.sub(r"^kubernetes_|_v\d+\b.*|_", "", address.partition(".")[0])
    for other in sorted(own.intersection(beside(place.namespace))):
        if address.startswith("helm_release."):
            is_there = find(cluster, other, name) is not None
        else:
            there = inside(cluster, other)
            is_there = any((one.kind.lower(), one.name) == (kind, name) for one in there)
        if is_there:
            return other
    return place.namespace
