"""The idle culler, its token kept out of its log: tornado shows all that failed with its values."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import logging
import os

from jupyterhub_idle_culler import main

TOKEN = os.environ["JUPYTERHUB_API_TOKEN"]


def conceal(record: logging.LogRecord) -> bool:
    """Leave the token out of a line."""
    record.msg, record.args = record.getMessage().replace(TOKEN, "…"), ()
    return True


logging.getLogger("tornado.application").addFilter(conceal)
main()
