"""What somebody probably meant: the nearest of the values that are allowed."""

from __future__ import annotations

from collections.abc import Iterable

# Names that people use for the same thing and that no letter distance would find.
_ALIASES = {
    "amazon": ("aws", "amazon_web_services"),
    "aws": ("amazon_web_services",),
    "digitalocean": ("do", "digital_ocean"),
    "do": ("digital_ocean",),
    "gcp": ("google_cloud_platform",),
    "gke": ("gcp", "google_cloud_platform"),
    "google": ("gcp", "google_cloud_platform"),
    "jitsi_meet": ("jitsi",),
    "k8s": ("existing",),
    "kubernetes": ("existing",),
    "kind": ("existing",),
    "letsencrypt": ("lets-encrypt",),
    "minikube": ("existing",),
    "native": ("password",),
    "oauth": ("custom",),
    "ssh": ("kubessh",),
    "videochat": ("jitsi",),
}
# Beyond these a suggestion costs more time than it is worth.
_MOST_OPTIONS = 2000


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that `word` looks most like, or None if none is near."""
    from difflib import get_close_matches

    choices = list(options)
    if len(word) > 80 or len(choices) > _MOST_OPTIONS:
        return None
    folded = {choice.lower().replace("-", "_"): choice for choice in reversed(choices)}
    plain = word.lower().replace("-", "_").replace(" ", "_")
    if plain in folded:
        return folded[plain]
    for alias in _ALIASES.get(plain.replace("_", ""), ()) or _ALIASES.get(plain, ()):
        if alias in choices:
            return alias
    close = get_close_matches(plain, folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`; did you mean `x`?`, or nothing."""
    found = nearest(word, options)
    return f"; did you mean `{found}`?" if found else ""


def clipped(text: str, most: int = 60) -> str:
    """The text, cut short after `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(options: Iterable[str], most: int = 16) -> str:
    """`a, b, c`, cut short after `most`."""
    choices = list(options)
    more = f", … ({len(choices)} in all)" if len(choices) > most else ""
    return ", ".join(choices[:most]) + more
