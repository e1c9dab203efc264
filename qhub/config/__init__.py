"""The configuration file: what it may say, how it is read, what is wrong with it.

    load(path) -> Config                 raises ConfigError with every problem
    check(path) -> Report                the same without raising, for `qhub validate`
    parse(text) -> Config                from text, for tests and tools
    missing_secrets(config) -> problems  environment variables and files that are not there

To add a setting: a field with a description in the model of its section (`services.py`, say), a
line in `qhub-config.example.yaml`, and the stage that reads it.
"""

from __future__ import annotations

from qhub.config.check import Report, check, load, missing_secrets, parse
from qhub.config.model import Config
from qhub.config.secrets import SecretRef

__all__ = ["Config", "Report", "SecretRef", "check", "load", "missing_secrets", "parse"]
