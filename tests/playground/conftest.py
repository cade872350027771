import pytest
from browser import Browser, find

from afm_numpy.playground import PAGE


@pytest.fixture(scope="session")
def browser():
    if not find():
        pytest.skip("no chromium is installed: the playground was NOT tried in a browser")
    with Browser() as one:
        yield one


@pytest.fixture
def open_page(browser):
    """A function that opens the page; afterwards nothing may stand in the console, and nothing may have been loaded."""
    pages = []

    def opened(hash="", **options):
        pages.append(browser.open(PAGE, hash, **options))
        return pages[-1]

    yield opened
    for page in pages:
        assert page.said() == []
        page.close()
