"""GET /docs in a browser: requests can be tried out, within the security policy and without another host."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Pages, Visit


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
