"""References to secrets: the file never holds one in plain text."""

import os
from pathlib import Path

from pydantic import Field, model_validator

from qhub.config.fields import FilePath, Section, Variable, wrong
from qhub.errors import MissingSecret


class SecretRef(Section):
    """Where a secret is: `{env: NAME}` or `{file: PATH}`, never the secret itself."""

    env: Variable | None = Field(None, description="Environment variable that holds it.")
    file: FilePath | None = Field(
        None, description="File that holds it; relative to the folder of the configuration."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise wrong("a secret is either `{env: NAME}` or `{file: PATH}`")
        return self

    def resolve(self) -> str:
        """The secret itself, without a line end after it. Raises MissingSecret."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                message = f"the environment variable `{self.env}` is not set"
                raise MissingSecret(message, f"export {self.env}=… before you deploy")
            return value
        path = Path(str(self.file))
        try:
            value = path.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            message = f"the secret file `{path}` can't be read: {reason}"
            raise MissingSecret(message, "it holds the secret and nothing else") from error
        if not value:
            raise MissingSecret(f"the secret file `{path}` is empty")
        return value
