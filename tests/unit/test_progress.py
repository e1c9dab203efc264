"""How news of a run is printed."""

from __future__ import annotations

import json
import subprocess
import sys

SPEAK = """
import threading
from qhub.cli.options import Format
from qhub.cli.progress import shown
from qhub.runner.progress import Progress, Status

with shown(Format.JSON) as report:
    def speak(stage):
        for _ in range(500):
            report(Progress(stage, Status.RUNNING, "still at it"))
    stages = [threading.Thread(target=speak, args=(name,)) for name in "abcd"]
    for one in stages: one.start()
    for one in stages: one.join()
"""


def test_stages_that_speak_at_the_same_time_each_have_their_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPEAK], capture_output=True, text=True, check=True, timeout=60
    )
    said = [json.loads(line)["stage"] for line in done.stdout.splitlines()]
    assert sorted(said) == sorted("abcd" * 500)
