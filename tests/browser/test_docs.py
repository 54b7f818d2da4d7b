"""GET /docs in a browser: requests can be tried out, within the security policy and without another host."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Pages, Visit
from tests.support.keys import KEY


@pytest.mark.parametrize("number", [0, 1], ids=["X-API-Key", "Bearer"])
def test_authorize_lets_a_prediction_be_tried_out(visit: Visit, number: int) -> None:
    visitor = visit("protected docs")
    operation = visitor.page.locator("#operations-predictions-predict")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator("tr.response .response-col_status").first
    expect(status).to_contain_text("401")

    visitor.page.locator(".auth-wrapper > .authorize").click()
    form = visitor.page.locator(".auth-container").nth(number)
    form.get_by_role("textbox").fill(KEY)
    form.locator("button.authorize").click()
    form.locator("button.btn-done").click()
    operation.get_by_role("button", name="Execute").click()
    expect(status).to_contain_text("200")
    assert [error for error in visitor.errors if "401" not in error] == []


def test_a_prediction_can_be_tried_out(visit: Visit, pages: Pages) -> None:
    visitor = visit("docs")
    operation = visitor.page.locator("#operations-predictions-predict")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator("tr.response .response-col_status").first).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("model_lib_version")
    assert {urlsplit(url).netloc for url in visitor.requests if not url.startswith("data:")} == {
        urlsplit(pages["docs"]).netloc
    }
    assert visitor.errors == []
