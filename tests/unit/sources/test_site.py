"""How sites are asked: redirects, sites that are busy, proxies with a login, authorities of one's own."""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.model.cluster import Proxy
from kubeup.sources import come_back, site
from kubeup.sources.site import Site, UnavailableError
from tests.support.authority import Authority
from tests.support.upstream import Upstream, serving

NOW = datetime.datetime(2026, 11, 27, 12, 0, 0, tzinfo=datetime.timezone.utc)
FILE = b"what is wanted" * 1000


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "upstream")) as found:
        found.put("github.com/file", FILE)
        yield found


@pytest.fixture
def cdn(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "cdn")) as found:
        found.put("blob", FILE)
        yield found


@pytest.fixture
def authority() -> Authority:
    return Authority("Example Inspection Root")


def as_github(upstream: Upstream, authority: Authority) -> Proxy:
    """A proxy behind which github.com is."""
    upstream.tls = authority.server(upstream.folder, "github.com")
    return Proxy(https=upstream.url)


def test_a_redirect_keeps_its_method_and_what_was_asked_for(upstream: Upstream, cdn: Upstream) -> None:
    upstream.redirects["/github.com/file"] = f"{cdn.url}/blob?ticket=1"
    asked = Site(upstream.url, Proxy())
    answer = asked.open(f"{upstream.url}/github.com/file", method="HEAD")
    assert answer.total == len(FILE)
    rest = b"".join(asked.open(f"{upstream.url}/github.com/file", offset=10_000).chunks())
    assert rest == FILE[10_000:]
    assert cdn.requests == ["HEAD /blob?ticket=1", "GET /blob?ticket=1 bytes=10000-"]


def test_a_login_is_not_told_to_whom_a_site_redirects(upstream: Upstream, cdn: Upstream) -> None:
    upstream.redirects["/github.com/file"] = f"{upstream.url}/here"
    upstream.redirects["/here"] = f"{cdn.url}/blob"
    with_login = upstream.url.replace("http://", "http://me:s3cret@")
    assert Site(with_login, Proxy()).read(f"{upstream.url}/github.com/file", 1 << 20) == FILE
    assert ["Authorization" in heard for heard in upstream.heard] == [True, True]
    assert ["Authorization" in heard for heard in cdn.heard] == [False]


def test_an_error_behind_a_redirect_names_both_and_no_ticket(upstream: Upstream, cdn: Upstream) -> None:
    upstream.redirects["/github.com/file"] = f"{cdn.url}/gone?ticket=s3cret"
    with pytest.raises(UnavailableError) as caught:
        Site(upstream.url, Proxy()).open(f"{upstream.url}/github.com/file")
    host = cdn.url.removeprefix("http://")
    assert str(caught.value) == f"{upstream.url}/github.com/file answered 404 Not Found, by {host}"


def test_redirects_in_a_circle_end(upstream: Upstream) -> None:
    upstream.redirects["/circle"] = f"{upstream.url}/circle"
    with pytest.raises(UnavailableError, match="redirects more than 10 times"):
        Site(upstream.url, Proxy()).open(f"{upstream.url}/circle")


def test_a_redirect_from_tls_to_plain_http_is_not_followed(
    upstream: Upstream, cdn: Upstream, authority: Authority
) -> None:
    proxy = as_github(upstream, authority)
    upstream.redirects["/github.com/file"] = f"{cdn.url}/blob"
    with pytest.raises(UnavailableError, match="which TLS does not protect"):
        Site("", proxy, authority.pem).open("https://github.com/file")
    assert cdn.requests == []


@pytest.mark.parametrize("said", ["2", "date"])
def test_a_busy_site_is_waited_for_as_long_as_it_says(upstream: Upstream, said: str) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    date = email.utils.format_datetime(now + datetime.timedelta(seconds=3), usegmt=True)
    upstream.refusals["/github.com/file"] = [(429, {"Retry-After": date if said == "date" else said})] * 2
    waited: list[tuple[str, float]] = []
    asked = Site(upstream.url, Proxy(), wait=lambda host, seconds: waited.append((host, seconds)))
    assert asked.read(f"{upstream.url}/github.com/file", 1 << 20) == FILE
    assert [host for host, _ in waited] == [upstream.url.removeprefix("http://")] * 2
    assert all(1 <= seconds <= 3 for _, seconds in waited)


def test_a_site_that_wants_too_long_a_wait_is_given_up_at_once(upstream: Upstream) -> None:
    upstream.refusals["/github.com/file"] = [(429, {"Retry-After": "3600"})]
    waited: list[float] = []
    asked = Site(upstream.url, Proxy(), wait=lambda _, seconds: waited.append(seconds))
    with pytest.raises(UnavailableError, match="answered 429 Too Many Requests; asked to come back in 3600 s"):
        asked.open(f"{upstream.url}/github.com/file")
    assert waited == []


def test_a_site_that_is_always_busy_is_waited_for_within_a_limit(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "BUSY_SECONDS", 20.0)
    upstream.refusals["/github.com/file"] = [(429, {"Retry-After": "0"})] * 100
    waited: list[float] = []
    with pytest.raises(UnavailableError, match="answered 429"):
        Site(upstream.url, Proxy(), wait=lambda _, seconds: waited.append(seconds)).open(
            f"{upstream.url}/github.com/file"
        )
    assert sum(waited) <= 20


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": "Fri, 27 Nov 2026 12:01:30 GMT"}, 90),
        (503, {"Retry-After": "Fri, 27 Nov 2026 11:00:00 GMT"}, 0),
        (429, {"Retry-After": "soon"}, come_back.UNSAID_SECONDS),
        (429, {}, come_back.UNSAID_SECONDS),
        (503, {}, None),
        (403, {}, None),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 1800)}, 1800),
        (200, {"Retry-After": "7"}, None),
    ],
)
def test_what_asking_to_come_back_later_means(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert come_back.seconds(status, headers, NOW) == seconds


def test_a_proxy_with_a_login_lets_both_schemes_through(upstream: Upstream, authority: Authority) -> None:
    as_github(upstream, authority)
    upstream.proxy_login = "me:p@ss:word"
    through = upstream.url.replace("http://", "http://me:p%40ss%3Aword@")
    asked = Site("", Proxy(http=through, https=through), authority.pem)
    assert asked.read("https://github.com/file", 1 << 20) == FILE
    assert asked.read("http://github.com/file", 1 << 20) == FILE
    assert upstream.requests[0] == "CONNECT github.com:443"


def test_a_proxy_that_wants_another_login_says_so_and_shows_no_password(
    upstream: Upstream, authority: Authority
) -> None:
    as_github(upstream, authority)
    upstream.proxy_login = "me:right"
    through = upstream.url.replace("http://", "http://me:wr0ng@")
    with pytest.raises(UnavailableError) as caught:
        Site("", Proxy(https=through), authority.pem).open("https://github.com/file")
    assert f"the proxy {upstream.url.removeprefix('http://')} wants another login" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_the_authority_of_an_inspecting_proxy_is_trusted_where_it_is_said(
    upstream: Upstream, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = as_github(upstream, authority)
    with pytest.raises(UnavailableError) as caught:
        Site("", proxy).open("https://github.com/file")
    assert "github.com cannot be asked (its certificate is not trusted: " in str(caught.value)
    assert "release_ca: FILE.pem" in str(caught.value)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert Site("", proxy, authority.pem).read("https://github.com/file", 1 << 20) == FILE
    (tmp_path / "root.pem").write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    assert Site("", proxy).read("https://github.com/file", 1 << 20) == FILE
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(UnavailableError, match=r"SSL_CERT_FILE names .*gone.pem, and there is no such file"):
        Site("", proxy).open("https://github.com/file")


def test_another_hosts_certificate_is_not_trusted(upstream: Upstream, authority: Authority) -> None:
    proxy = as_github(upstream, authority)
    with pytest.raises(UnavailableError, match=r"api\.github\.com cannot be asked \(its certificate is not trusted"):
        Site("", proxy, authority.pem).open("https://api.github.com/file")


def test_urllib3_is_imported_when_a_site_is_asked_and_not_before() -> None:
    import subprocess
    import sys

    code = "import sys; import kubeup.sources.search; sys.exit('urllib3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
