"""The app on a home screen: Chromium itself says what would keep it from being installed."""

from tests.browser.conftest import Tab


def test_the_app_can_be_installed(visit: Tab) -> None:
    visit.page.goto("/")
    visit.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    session = visit.context.new_cdp_session(visit.page)
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A profile of its own, as tests use, counts as private browsing.
    assert [one["errorId"] for one in found if one["errorId"] != "in-incognito"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.webmanifest")
