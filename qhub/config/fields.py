"""The kinds of value that the file holds: names, quantities, images, addresses.

Each kind is written as text, is checked by one function that says what is wrong in plain words,
and carries a pattern for the JSON Schema, so that an editor knows as much as `qhub validate`.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from qhub.config.nearest import did_you_mean, listed


class Section(BaseModel):
    """A mapping of the file. Unknown keys are errors, types are taken as they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


Model = TypeVar("Model", bound=Section)


def defaults(section: type[Model]) -> Callable[[], Model]:
    """Makes a section of nothing but defaults, without the validator that a call would build."""
    return lambda: cast("Model", section.model_construct())


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """The error to raise from a check: what is wrong with the value, and what to write instead."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "hint": hint or ""})


class Text:
    """Annotates a value that is written as text.

    Args:
        check: Turns the text into the value, or raises `wrong(…)`.
        pattern: Regular expression for editors; not stricter than `check`.
        examples: For editors and the reference.
    """

    def __init__(
        self,
        check: Callable[[str], Any],
        pattern: str | None = None,
        examples: tuple[str, ...] = (),
    ) -> None:
        self.check, self.pattern, self.examples = check, pattern, examples

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        plain = source is str
        return core_schema.no_info_after_validator_function(
            self.check,
            core_schema.str_schema(strict=True),
            serialization=None if plain else core_schema.to_string_ser_schema(),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string"}
        if self.pattern:
            found["pattern"] = self.pattern
        if self.examples:
            found["examples"] = list(self.examples)
        return found


# --- names -----------------------------------------------------------------------------------

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-", "goog")


def _proposal(text: str, longest: int) -> str | None:
    """The nearest valid name, for the hint."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:longest].strip("-")
    return f"`{name}` would do" if name and name != text else None


def label(kind: str, longest: int, letter_first: bool = True) -> Callable[[str], str]:
    """A check of names that DNS and Kubernetes take: at most `longest` characters."""

    def check(text: str) -> str:
        if not text:
            raise wrong(f"{kind} is empty")
        if len(text) > longest:
            message = f"{kind} has {len(text)} characters, at most {longest} are possible"
            raise wrong(message, "names of accounts, buckets and clusters are made from it")
        if not _LABEL.fullmatch(text) or (letter_first and not text[0].isalpha()):
            first = "starting with a letter, " if letter_first else ""
            message = (
                f"{kind} may hold lower-case letters, digits and `-` only, {first}not ending in `-`"
            )
            raise wrong(message, _proposal(text, longest))
        return text

    return check


def _project_name(text: str) -> str:
    label("a project name", 20)(text)
    if text.startswith(_BUCKET_PREFIXES) or "google" in text:
        raise wrong(f"clouds refuse buckets called `{text}…`", "choose another name")
    return text


def _namespace(text: str) -> str:
    label("a namespace", 15)(text)
    if text == "default" or text.startswith("kube-"):
        raise wrong(f"the namespace `{text}` belongs to Kubernetes itself", "for example `dev`")
    return text


_PROJECT = r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$"
_NAMESPACE = r"^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$"
_NAME = r"^[a-z0-9]([a-z0-9-]{0,25}[a-z0-9])?$"
ProjectName = Annotated[str, Text(_project_name, _PROJECT, ("demo",))]
Namespace = Annotated[str, Text(_namespace, _NAMESPACE, ("dev", "prod"))]
# 27: Linux allows 32 characters for an account, and ours are called `qhub-NAME`.
UserName = Annotated[str, Text(label("a user name", 27, False), _NAME, ("alice",))]
GroupName = Annotated[str, Text(label("a group name", 27, False), _NAME, ("users",))]
NodeGroupName = Annotated[str, Text(label("a node group's name", 12), None, ("general",))]


def _title(text: str) -> str:
    if not text.strip():
        raise wrong("this is empty")
    if not text.isprintable():
        raise wrong("this holds a character that can't be shown, a line end say", "delete it")
    return text


Title = Annotated[str, Text(_title, r"\S")]


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise wrong(f"`{text}` is no name of an environment variable", "for example `MY_TOKEN`")
    return text


Variable = Annotated[str, Text(_variable, r"^[A-Za-z_][A-Za-z0-9_]*$", ("AUTH0_SECRET",))]

# --- quantities ------------------------------------------------------------------------------

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_BINARY = {"Gi": 1024**3, "Mi": 1024**2}
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True)
class Quantity:
    """An amount of memory or disk: `text` as it was written, and the same in bytes."""

    text: str
    bytes: int

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: "Quantity") -> "Quantity":
        total = self.bytes + other.bytes
        whole = ((unit, size) for unit, size in _BINARY.items() if total % size == 0)
        unit, size = next(whole, ("", 1))
        return Quantity(f"{total // size}{unit}", total)


def _quantity(text: str, decimal: int, example: str) -> Quantity:
    """Reads a quantity; without `i`, units are powers of `decimal` (1000 or 1024)."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = match[2].upper().removesuffix("B") if match else ""
    power = _POWERS.get(unit.removesuffix("I"))
    if not match or power is None or unit == "I":
        message = f"`{text}` is not a quantity: a number and one of K, M, G, T, Ki, Mi, Gi, Ti"
        raise wrong(message, f"for example `{example}`")
    size = int(float(match[1]) * (1024 if unit.endswith("I") else decimal) ** power)
    if size < 10**6:
        raise wrong(f"`{text}` is {size} bytes; a unit seems to be missing", f"such as `{example}`")
    return Quantity(text, size)


def memory(text: str) -> Quantity:
    """Memory of a server. `G` and `Gi` are both 1024³ bytes, as JupyterHub and Dask read it."""
    return _quantity(text, 1024, "4G")


def disk(text: str) -> Quantity:
    """Size of a volume. `G` is 1000³ bytes and `Gi` 1024³, as Kubernetes reads it."""
    return _quantity(text, 1000, "60Gi")


_AMOUNT = r"^\d+(\.\d+)?\s*([KMGTP]i?)?[bB]?$"
Memory = Annotated[Quantity, Text(memory, _AMOUNT, ("4G", "512M"))]
Disk = Annotated[Quantity, Text(disk, _AMOUNT, ("60Gi",))]


def cores(value: Any) -> float:
    """CPU cores as a number: `1.5`, or `"500m"` for half a core; 0 for none."""
    number = value
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)m", value)
        number = int(match[1]) / 1000 if match else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 4096:
        message = f"`{value}` is not a number of CPU cores"
        raise wrong(message, "for example `2`, `0.5` or `500m`")
    return float(number)


def some_cores(value: Any) -> float:
    """As `cores`, but more than 0."""
    number = cores(value)
    if number == 0:
        raise wrong("nothing runs on 0 CPU cores", "for example `0.5`")
    return number


class _Cores:
    def __init__(self, check: Callable[[Any], float]) -> None:
        self.check = check

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "number", "minimum": 0, "maximum": 4096}
        return {"anyOf": [number, {"type": "string", "pattern": r"^\d+m$"}]}


Cores = Annotated[float, _Cores(some_cores)]
GuaranteedCores = Annotated[float, _Cores(cores)]

# --- images ----------------------------------------------------------------------------------

_IMAGE = re.compile(
    r"(?:(?P<registry>localhost(?::\d+)?|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+)/)?"
    r"(?P<name>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)


@dataclass(frozen=True)
class Image:
    """A container image: `registry:5000/team/name:tag@sha256:…`.

    `registry` is None where the name leaves it out; of `tag` and `digest` at least one is there.
    """

    text: str
    registry: str | None
    name: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        return self.text


def image(text: str) -> Image:
    """Reads an image reference; one without tag and digest is refused."""
    match = _IMAGE.fullmatch(text)
    if not match:
        message = f"`{text}` is not the name of an image"
        raise wrong(message, "write `name:tag`, `registry:5000/name:tag` or `name@sha256:…`")
    if not match["tag"] and not match["digest"]:
        message = f"the image `{text}` has neither tag nor digest, so it could change at any time"
        raise wrong(message, f"write `{text}:TAG`")
    return Image(text, match["registry"], match["name"], match["tag"], match["digest"])


_IMAGE_EXAMPLES = ("team/jupyterlab:2026.11", "registry.example.org:5000/team/jupyterlab:1.4")
ImageName = Annotated[Image, Text(image, r"[:@]", _IMAGE_EXAMPLES)]

# --- files -----------------------------------------------------------------------------------


def _absolute(text: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    path = os.path.expanduser(text)  # noqa: PTH111 - pathlib's raises where there is no home
    return str(folder / path) if folder else path


def _program(text: str, info: ValidationInfo) -> str:
    return _absolute(text, info) if "/" in text else text


def _file_or_address(text: str, info: ValidationInfo) -> str:
    return text if "://" in text else _absolute(text, info)


# A relative path in the file starts at the file's own folder; what is read is absolute.
FilePath = Annotated[Title, AfterValidator(_absolute)]
Program = Annotated[Title, AfterValidator(_program)]
FileOrAddress = Annotated[Title, AfterValidator(_file_or_address)]

# --- addresses -------------------------------------------------------------------------------

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def _domain(text: str) -> str:
    if "://" in text or "/" in text:
        host = re.sub(r"^[a-z]+://", "", text).partition("/")[0]
        raise wrong("a domain is a name, not an address with `https://` or `/`", f"write `{host}`")
    if not _HOST.fullmatch(text):
        message = (
            f"`{text}` is not a domain: names of lower-case letters, digits and `-`, with dots"
        )
        raise wrong(message, "for example `hub.example.org`")
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>.]+", text):
        raise wrong(f"`{text}` is not an e-mail address", "for example `ops@example.org`")
    return text


def _cidr(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        message = f"`{text}` is not a block of addresses (CIDR)"
        raise wrong(message, "for example `10.10.0.0/16`") from None
    if "/" not in text or str(network) != text.lower():
        raise wrong(f"`{text}` is not a block of addresses (CIDR)", f"write `{network}`")
    return text


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        message = f"`{text}` is not an IP address"
        raise wrong(message, "`127.0.0.1` is this machine only, `0.0.0.0` every network") from None


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise wrong(f"`{text}` is not a web address", "it starts with `https://`")
    return text


def _server_url(text: str) -> str:
    _url(text)
    try:
        parts = urlsplit(text)
        usable = parts.hostname and parts.port != 0 and not set("@?#") & set(text)
    except ValueError:  # a port beyond 65535, half a pair of brackets
        usable = False
    if not usable:
        raise wrong(f"`{text}` is not the address of a server", "for example https://example.org")
    return text.rstrip("/")


def _color(text: str) -> str:
    if not re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", text):
        raise wrong(f"`{text}` is not a colour", "write `#4f4173`, in quotes")
    return text


def _kubernetes_version(text: str) -> str:
    if not re.fullmatch(r"1\.\d+(\.\d+)?(-[a-z0-9.]+)?", text):
        raise wrong(f"`{text}` is not a version of Kubernetes", "for example '1.34'")
    return text


_DOMAIN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$"
Domain = Annotated[str, Text(_domain, _DOMAIN, ("hub.example.org",))]
Email = Annotated[str, Text(_email, r"^[^\s@]+@[^\s@]+$", ("ops@example.org",))]
Cidr = Annotated[str, Text(_cidr, r"/\d+$", ("10.10.0.0/16",))]
Address = Annotated[str, Text(_address, None, ("127.0.0.1", "0.0.0.0"))]  # noqa: S104 - an example
Url = Annotated[str, Text(_url, "^https?://", ("https://example.org",))]
ServerUrl = Annotated[str, Text(_server_url, "^https?://[^@?#]+$", ("https://example.org",))]
Color = Annotated[str, Text(_color, "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", ("#4f4173",))]
KubernetesVersion = Annotated[str, Text(_kubernetes_version, r"^1\.\d+", ("1.34",))]


class KnownRegion:
    """Annotates a region; `provider` is a key of `regions.REGIONS`."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def _check(self, text: str) -> str:
        from qhub.config.regions import REGIONS

        known = REGIONS[self.provider]
        plain = text.lower().replace(" ", "") if self.provider == "azure" else text
        if plain not in known:
            message = f"`{text}` is not a region of {self.provider}{did_you_mean(text, known)}"
            raise wrong(message, f"known: {listed(known, 40)}")
        return plain

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._check, core_schema.str_schema(strict=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        from qhub.config.regions import REGIONS

        known = {"type": "string", "enum": list(REGIONS[self.provider])}
        # `Central US`, as the portal shows it, is `centralus`.
        named = {"type": "string", "pattern": "^[A-Z][A-Za-z0-9 ]+$"}
        return {"anyOf": [known, named]} if self.provider == "azure" else known
