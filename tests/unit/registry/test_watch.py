"""A changed file is noticed, however it was changed."""

import asyncio
from pathlib import Path

import pytest

from mcpgate.registry.watch import Watch
from tests.support.links import ManualWaiter


@pytest.mark.requirement("R-RELOAD")
def test_writing_replacing_and_new_targets_are_changes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text("same")
    (tmp_path / "data").symlink_to("one")
    path = tmp_path / "config"
    path.symlink_to("data/config")
    watch = Watch(str(path), lambda: None, ManualWaiter())
    assert not watch.look()
    (tmp_path / "one/config").write_text("longer text")
    assert watch.look()
    assert not watch.look()
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "data")
    assert watch.look()
    path.unlink()
    assert not watch.look()
    path.symlink_to("data/config")
    watch.look()
    (tmp_path / "fresh").write_text("same")
    (tmp_path / "fresh").replace(path)
    assert watch.look()


@pytest.mark.requirement("R-RELOAD")
async def test_it_looks_every_second(tmp_path: Path) -> None:
    path, told, waiter = tmp_path / "config", list[str](), ManualWaiter()
    path.write_text("a")
    watch = Watch(str(path), lambda: told.append("changed"), waiter)
    task = asyncio.create_task(watch.run())
    await waiter.advance(3)
    assert not told
    path.write_text("ab")
    await waiter.advance(1)
    assert told == ["changed"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
