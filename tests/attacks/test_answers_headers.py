"""Whatever a door answers, a browser is told not to keep it, guess its kind, or hand it to pages of others.

Source: OWASP ASVS 5.0, 3.4.1, 3.4.3, 3.4.4, 3.4.6, 3.5.8, 14.3.2.
"""

from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Customer

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
EVERYWHERE = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
ON_PAGES = EVERYWHERE | {"cross-origin-opener-policy": "same-origin", "referrer-policy": "same-origin"}


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/trust", "/nothing", "/static/nothing.css", "/api/v1/sites", "/" + "a" * 9_000]
)
def test_answers_of_the_web_door(path: str, customer: Make, web: Web) -> None:
    answer = web(customer()).get(path)
    assert {name: answer.headers.get(name) for name in ON_PAGES} == ON_PAGES
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/ping"), ("GET", "/nothing"), ("POST", "/api/v2/write"), ("GET", "/v1/left-out")]
)
def test_answers_of_the_crops_door(method: str, path: str, crops: httpx.Client) -> None:
    answer = crops.request(method, path, content=b"m f=1" if method == "POST" else None)
    assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
