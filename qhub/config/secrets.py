"""References to secrets: the file never holds one in plain text."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from qhub.config.fields import Section, Title, Variable, wrong
from qhub.errors import MissingSecret


class SecretRef(Section):
    """Where a secret is: `{env: NAME}` or `{file: PATH}`, never the secret itself."""

    env: Variable | None = Field(None, description="Environment variable that holds it.")
    file: Title | None = Field(
        None, description="File that holds it; relative to the folder of the configuration."
    )

    # The folder that a relative `file` starts from: that of the configuration file.
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise wrong("a secret is either `{env: NAME}` or `{file: PATH}`")
        return self

    def model_post_init(self, context: Any) -> None:
        if isinstance(context, dict) and "folder" in context:
            self._folder = context["folder"]

    @property
    def path(self) -> Path | None:
        """The file that holds the secret, if it is in a file."""
        return self._folder / Path(self.file).expanduser() if self.file else None

    def resolve(self) -> str:
        """The secret itself, without a line end after it. Raises MissingSecret."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                message = f"the environment variable `{self.env}` is not set"
                raise MissingSecret(message, f"export {self.env}=… before you deploy")
            return value
        path = self.path
        assert path is not None  # noqa: S101 - _exactly_one has seen to it
        try:
            value = path.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            message = f"the secret file `{path}` can't be read: {reason}"
            raise MissingSecret(
                message, "relative paths start at the folder of the config"
            ) from error
        if not value:
            raise MissingSecret(f"the secret file `{path}` is empty")
        return value
