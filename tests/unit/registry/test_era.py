"""The era of a server is found once and kept."""

from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.registry.era import SPACE, Eras
from mcpgate.registry.store import open_store

WEB = Server(name="web", transport="http", url="http://127.0.0.1:1/mcp")


@pytest.mark.requirement("R-ERA")
def test_an_era_is_kept_until_the_address_changes(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        eras = Eras(store)
        assert eras.find(WEB) is None
        eras.remember(WEB, "modern")
        again = Eras(store)
        assert again.find(WEB) == "modern"
        assert again.find(msgspec.structs.replace(WEB, headers={"a": "b"})) == "modern"
        assert again.find(msgspec.structs.replace(WEB, url="http://127.0.0.1:2/mcp")) is None
        again.remember(WEB, "legacy")
        assert again.find(WEB) == "legacy"
        again.forget("web")
        assert again.find(WEB) is None


@pytest.mark.requirement("R-ERA")
def test_rubbish_in_the_store_means_a_probe(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        store.put(SPACE, "web", b'{"address":"x","era":"stone"}')
        assert Eras(store).find(WEB) is None
