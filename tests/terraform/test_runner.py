"""The runner over real Terraform: resume, drift, plan, selection, parallel stages, destroy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qhub.config import Config
from qhub.errors import LockedError, StageError, UsageError
from qhub.runner.deploy import Deployed, deploy
from qhub.runner.destroy import destroy
from qhub.runner.folder import Folder
from qhub.runner.plan import plan
from qhub.runner.progress import Progress, Status
from qhub.runner.render import render, write_files
from qhub.runner.selection import Selection
from qhub.runner.status import status
from qhub.stages.base import Say
from qhub.terraform import Engine
from tests.terraform.conftest import Ground, Outputs

Settings = dict[str, dict[str, Any]]
WriteConfig = Callable[..., Config]
ALL = ["02-ground", "05-left", "06-right"]


@pytest.fixture
def run(
    small_stages: Settings, write_config: WriteConfig, folder: Folder, told: list[Progress]
) -> Callable[..., Deployed]:
    """Deploys the small stages; keywords go to `deploy`."""
    del small_stages
    config = write_config()
    return lambda **options: deploy(config, folder, told.append, **options)


def made(folder: Folder) -> list[str]:
    files = folder.root / "files"
    return sorted(path.name for path in files.iterdir()) if files.is_dir() else []


def changed(result: Deployed) -> list[str]:
    return sorted(name for name, changes in result.changes.items() if changes)


def test_deploy_applies_every_stage_and_a_second_changes_nothing(
    run: Callable[..., Deployed], folder: Folder
) -> None:
    first = run()
    assert changed(first) == ALL
    assert made(folder) == ["ground", "left", "right"]
    assert [address.label for address in first.addresses] == ["ground", "left", "right"]
    assert first.log.stat().st_mode & 0o777 == 0o600
    assert "working" in first.log.read_text()
    assert changed(run()) == []


def test_independent_stages_run_side_by_side(
    run: Callable[..., Deployed], small_stages: Settings, told: list[Progress]
) -> None:
    small_stages.update({"05-left": {"seconds": 1}, "06-right": {"seconds": 1}})
    run()
    working = [p.stage for p in told if p.message == "working"]
    done = [p.stage for p in told if p.status is Status.DONE]
    order = [(p.stage, p.status) for p in told]
    assert sorted(working) == sorted(done) == ALL
    first_leaf_done = order.index((done[1], Status.DONE))
    assert {stage for stage, _ in order[:first_leaf_done]} == set(ALL)


@pytest.mark.parametrize("awaited", [True, False])
def test_a_stage_that_is_not_awaited_is_checked_beside_those_that_need_it(
    run: Callable[..., Deployed],
    folder: Folder,
    told: list[Progress],
    monkeypatch: pytest.MonkeyPatch,
    awaited: bool,
) -> None:
    def check(stage: Ground, outputs: Outputs, say: Say) -> None:
        del outputs, say
        deadline = time.monotonic() + 10
        while "left" not in made(folder):
            if awaited or time.monotonic() > deadline:
                raise StageError(stage.name, "it does not work")
            time.sleep(0.05)

    monkeypatch.setattr(Ground, "awaited", awaited)
    monkeypatch.setattr(Ground, "check", check)
    if not awaited:
        run()
        return
    with pytest.raises(StageError, match="it does not work"):
        run()
    assert {one.stage for one in told} == {"02-ground"}


def test_what_needs_a_stage_that_fails_its_check_is_said_not_to_be_checked(
    run: Callable[..., Deployed],
    folder: Folder,
    told: list[Progress],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(stage: Ground, outputs: Outputs, say: Say) -> None:
        del outputs, say
        while made(folder) != ["ground", "left", "right"]:
            time.sleep(0.05)
        time.sleep(2)  # until both are applied to their end
        raise StageError(stage.name, "it does not work")

    with monkeypatch.context() as patch:
        patch.setattr(Ground, "awaited", False)
        patch.setattr(Ground, "check", check)
        with pytest.raises(StageError, match="it does not work"):
            run()
    last = {one.stage: one for one in told}
    assert {one.status for one in last.values()} == {Status.FAILED}
    assert last["05-left"].message == "applied, not checked"
    assert not [name for name in ALL if folder.is_complete(name)]
    run()
    assert {one.status for one in {one.stage: one for one in told}.values()} == {Status.DONE}


def test_parallelism_of_one_is_one_after_another(
    run: Callable[..., Deployed], told: list[Progress]
) -> None:
    run(parallelism=1)
    stages = [p.stage for p in told]
    assert stages == sorted(stages)


def test_a_change_touches_only_its_stage(
    run: Callable[..., Deployed], small_stages: Settings
) -> None:
    run()
    small_stages["05-left"] = {"text": "other"}
    assert changed(run()) == ["05-left"]


def test_what_is_gone_is_found_and_made_again(
    run: Callable[..., Deployed], folder: Folder, write_config: WriteConfig
) -> None:
    run()
    (folder.root / "files" / "left").unlink()
    found = {stage.name: stage for stage in status(write_config(), folder).stages}
    assert found["05-left"].drift == ["terraform_data.file: its file is gone"]
    assert not found["06-right"].drift
    assert changed(run()) == ["05-left"]
    assert status(write_config(), folder).is_well


def test_plan_before_anything_exists_shows_all_and_writes_nothing(
    small_stages: Settings, write_config: WriteConfig, folder: Folder, told: list[Progress]
) -> None:
    found = plan(write_config(), folder, told.append)
    assert [stage.name for stage in found.stages] == ALL
    assert [stage.assumed for stage in found.stages] == [(), ("02-ground",), ("02-ground",)]
    assert {change.action for stage in found.stages for change in stage.changes} == {"create"}
    assert made(folder) == []
    assert not folder.stages.exists()


def test_plan_tells_what_changed_in_the_settings(
    run: Callable[..., Deployed],
    small_stages: Settings,
    write_config: WriteConfig,
    folder: Folder,
    told: list[Progress],
) -> None:
    run()
    assert not plan(write_config(), folder, told.append)
    small_stages["06-right"] = {"text": "other"}
    found = {stage.name: stage for stage in plan(write_config(), folder, told.append).stages}
    assert found["06-right"].settings == ("~ text",)
    assert [change.address for change in found["06-right"].changes] == ["terraform_data.file"]
    assert not found["05-left"].changes


def test_selection(run: Callable[..., Deployed], folder: Folder) -> None:
    with pytest.raises(UsageError, match="02-ground was not deployed yet"):
        run(selection=Selection(only="left"))
    run(selection=Selection(last="02"))
    assert made(folder) == ["ground"]
    run(selection=Selection(only="right"))
    assert made(folder) == ["ground", "right"]
    run(selection=Selection(first="05-left"))
    assert made(folder) == ["ground", "left", "right"]
    with pytest.raises(UsageError, match="did you mean left"):
        run(selection=Selection(only="lefft"))
    with pytest.raises(UsageError, match="comes after"):
        run(selection=Selection(first="06", last="02"))


def test_a_stage_that_left_the_config_is_destroyed(
    run: Callable[..., Deployed],
    small_stages: Settings,
    write_config: WriteConfig,
    folder: Folder,
    told: list[Progress],
) -> None:
    run()
    small_stages["05-left"] = {"absent": True}
    assert plan(write_config(), folder, told.append).obsolete == ("05-left",)
    shown = {one.name: (one.state, one.pending) for one in status(write_config(), folder).stages}
    assert shown["05-left"] == ("deployed", True), "it is there until the next deploy"
    run()
    assert "05-left" not in {one.name for one in status(write_config(), folder).stages}
    assert made(folder) == ["ground", "right"]
    assert not (folder.stages / "05-left" / "main.tf").exists()


def test_a_failing_stage_says_why_and_the_next_run_goes_on(
    run: Callable[..., Deployed],
    small_stages: Settings,
    write_config: WriteConfig,
    folder: Folder,
) -> None:
    small_stages["05-left"] = {"fail_apply": True}
    with pytest.raises(StageError, match=r"05-left: working\s+no luck"):
        run()
    assert "left" not in made(folder)
    states = {stage.name: stage.state for stage in status(write_config(), folder).stages}
    assert (states["02-ground"], states["05-left"]) == ("deployed", "partial")
    small_stages.clear()
    again = run()
    assert "02-ground" not in changed(again)
    assert made(folder) == ["ground", "left", "right"]


@pytest.mark.parametrize("then", ["plan", "deploy"])
def test_a_plan_leaves_nothing_that_a_later_run_stumbles_over(
    then: str,
    run: Callable[..., Deployed],
    providers: dict[str, str],
    write_config: WriteConfig,
    folder: Folder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in providers.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Ground, "templates", needing("random", tmp_path))
    planned = plan(write_config(), folder, lambda _: None)
    assert planned
    if then == "plan":
        assert plan(write_config(), folder, lambda _: None) == planned
    run()
    assert changed(run()) == []
    assert not plan(write_config(), folder, lambda _: None)


def needing(provider: str, folder: Path) -> Path:
    """The module of the first small stage, with a provider that it has no use for."""
    module = folder / "templates"
    shutil.copytree(Ground().templates, module)
    (module / "versions.tf").write_text(
        f'terraform {{\n  required_providers {{ x = {{ source = "hashicorp/{provider}" }} }}\n}}\n'
    )
    return module


def test_a_registry_out_of_reach_is_told_with_what_to_do(
    run: Callable[..., Deployed],
    told: list[Progress],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ground, "templates", needing("null", tmp_path))
    settings = tmp_path / "terraform.rc"
    mirror = 'network_mirror { url = "https://127.0.0.1:9/" }'
    settings.write_text(f"provider_installation {{\n  {mirror}\n}}\n")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(settings))
    with pytest.raises(StageError, match=r"02-ground: Failed to query available provider") as met:
        run()
    assert "mirror" in str(met.value.hint)
    failed = [progress for progress in told if progress.status is Status.FAILED]
    assert failed[0].message.startswith("Failed to query available provider packages")


def test_destroy_leaves_nothing(run: Callable[..., Deployed], folder: Folder) -> None:
    run()
    assert destroy(folder, lambda _: None).stages == ALL
    assert made(folder) == []
    assert not folder.private.exists()
    assert not folder.stages.exists()
    assert destroy(folder, lambda _: None).stages == []


def test_destroy_of_a_half_made_deployment(
    run: Callable[..., Deployed], small_stages: Settings, folder: Folder
) -> None:
    small_stages["02-ground"] = {"fail_apply": True}
    with pytest.raises(StageError, match="no luck"):
        run()
    destroy(folder, lambda _: None)
    assert not folder.private.exists()


def test_destroy_works_from_what_was_applied_not_from_the_config(
    run: Callable[..., Deployed], folder: Folder, tmp_path: Path
) -> None:
    run()
    (tmp_path / "qhub-config.yaml").unlink()
    for path in folder.stages.rglob("main.tf"):
        path.write_text("broken {")
    destroy(folder, lambda _: None)
    assert made(folder) == []


def test_destroy_goes_on_past_a_failing_stage_and_lists_what_is_left(
    run: Callable[..., Deployed], small_stages: Settings, folder: Folder
) -> None:
    small_stages["05-left"] = {"fail_destroy": True}
    run()
    with pytest.raises(StageError) as caught:
        destroy(folder, lambda _: None)
    assert "can not be removed" in caught.value.message
    assert "left: 05-left terraform_data.presence" in caught.value.message
    assert made(folder) == ["left"]
    assert folder.applied_stages() == ["05-left"]


def test_destroy_is_tried_again_where_what_a_stage_needs_is_half_gone(
    run: Callable[..., Deployed], small_stages: Settings, folder: Folder
) -> None:
    small_stages |= {"02-ground": {"fail_destroy": True}, "05-left": {"fail_destroy": True}}
    run()
    for _ in range(2):  # from the first on, nobody knows any more what 02-ground gave out
        with pytest.raises(StageError) as caught:
            destroy(folder, lambda _: None)
        assert caught.value.message.count("can not be removed") == 2
        assert "Inconsistent conditional" not in caught.value.message
    assert folder.applied_stages() == ["02-ground", "05-left"]


def test_another_run_is_refused_while_one_is_at_work(
    run: Callable[..., Deployed], folder: Folder
) -> None:
    with folder.locked("deploy"), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        run()
    run()


def test_a_deployment_cannot_become_another(
    run: Callable[..., Deployed], write_config: WriteConfig, folder: Folder
) -> None:
    run()
    with pytest.raises(UsageError, match="project_name was 'small'"):
        deploy(write_config("other"), folder, lambda _: None)


def test_rendered_stages_run_with_plain_terraform(
    small_stages: Settings, write_config: WriteConfig, folder: Folder, engine: Engine
) -> None:
    config = write_config()
    assert render(config) == render(config)
    write_files(render(config), folder)
    for name in ALL:
        for command in (["init"], ["apply", "-auto-approve"]):
            subprocess.run(
                [*engine.command, *command, "-input=false"],
                cwd=folder.stages / name,
                check=True,
                capture_output=True,
            )
    assert made(folder) == ["ground", "left", "right"]
    assert changed(deploy(config, folder, lambda _: None)) == []


SCRIPT = """\
import sys
from pathlib import Path
from qhub import stages
from qhub.config import load
from qhub.errors import QhubError
from qhub.runner.deploy import deploy
from qhub.runner.folder import Folder
from tests.terraform.conftest import Ground, Left, Right, Small
stages.STAGES = (Ground(), Left(), Right())
Small.settings["05-left"] = {"seconds": 2}
root = Path(sys.argv[1])
try:
    deploy(load(root / "qhub-config.yaml"), Folder(root / "deployment"),
           lambda p: sys.stdout.write(f"{p.stage} {p.message}\\n") and sys.stdout.flush())
except QhubError as error:
    print("ended:", error, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["02-ground starting", "05-left starting", "05-left working"])
def test_interrupted_at_any_point_the_next_run_goes_on(
    sent: signal.Signals,
    moment: str,
    run: Callable[..., Deployed],
    small_stages: Settings,
    folder: Folder,
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(moment):
            break
    time.sleep(0.05)
    process.send_signal(sent)
    process.stdout.read()
    assert process.wait(timeout=30) == (130 if sent != signal.SIGKILL else -signal.SIGKILL)
    small_stages["05-left"] = {"seconds": 2}
    run()
    assert made(folder) == ["ground", "left", "right"]
    for name in ALL:
        state = json.loads(folder.state(name).read_text())
        assert not any(i.get("status") for r in state["resources"] for i in r["instances"])
    destroy(folder, lambda _: None)
    assert made(folder) == []
