"""The generated reference says what the code does."""

import pytest
from msgspec import inspect

from mcpgate.config.model import Config
from scripts import reference

SETTINGS = 100


@pytest.mark.requirement("R-ERRORS", "R-CONFIG", "R-CLI", "R-MATRIX")
@pytest.mark.parametrize("page", reference.PAGES)
def test_the_reference_is_current(page: str) -> None:
    written = (reference.FOLDER / page).read_text()
    assert written == reference.PAGES[page](), "run make docs"


@pytest.mark.requirement("R-CONFIG")
def test_settings_are_few_and_each_is_described() -> None:
    settings = list(reference.list_settings(inspect.type_info(Config)))
    assert len(settings) <= SETTINGS
    assert not [name for name, _, meaning in settings if not meaning]
