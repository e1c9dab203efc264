"""The one door to Terraform: which engine there is, running it, and reading what it says."""

from qhub.terraform.engine import Engine, find_engine
from qhub.terraform.events import Changes, Event
from qhub.terraform.module import PATIENCE_SECONDS, Module

__all__ = ["PATIENCE_SECONDS", "Changes", "Engine", "Event", "Module", "find_engine"]
