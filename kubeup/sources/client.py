"""One HTTP request, by urllib3: whom its certificates are checked by, and which proxy it goes through.

urllib3 is imported when the first request is made: most runs find everything in the cache.
"""

from __future__ import annotations

import os
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kubeup.model.cluster import Proxy
from kubeup.sources import proxies

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

POOL = 4
UNKNOWN_AUTHORITY = frozenset((18, 19, 20, 21))
"""OpenSSL's codes for a chain that ends at an authority which is not trusted here (X509_V_ERR_*)."""
AUTHORITY_ADVICE = (
    "if a proxy on the way opens TLS, say its authority: `release_ca: FILE.pem` in the profile, or SSL_CERT_FILE"
)


class RequestError(Exception):
    """No answer. The message is the reason in words. broke: it was under way, and may be tried again."""

    def __init__(self, reason: str, broke: bool = False) -> None:
        super().__init__(reason)
        self.broke = broke


class Client:
    """Connections that are kept between requests. Thread-safe.

    ca: certificates (PEM) of authorities beside the system's; SSL_CERT_FILE takes the place of the system's.
    """

    def __init__(self, proxy: Proxy, ca: str) -> None:
        self._proxy, self._ca = proxy, ca
        self._lock = threading.Lock()
        self._pools: dict[str, PoolManager] = {}

    def send(
        self, method: str, url: str, headers: Mapping[str, str], connect_seconds: float, read_seconds: float
    ) -> BaseHTTPResponse:
        """The reply to one request, its body unread; a redirect is a reply like any other. Raises RequestError.

        connect_seconds: for a connection to stand. read_seconds: without a single byte.
        """
        import urllib3

        through = proxies.proxy_for(url, self._proxy)
        try:
            return self._pool(through).request(
                method,
                url,
                headers=dict(headers),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                # What a cut line left is kept and gone on with, so its length is looked at by the one who reads.
                enforce_content_length=False,
                timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            raise _explained(error, through) from error
        except (OSError, ValueError) as error:
            raise RequestError(words(error)) from error

    def _pool(self, through: str) -> PoolManager:
        with self._lock:
            if through not in self._pools:
                self._pools[through] = _new_pool(through, _context(self._ca))
            return self._pools[through]


def _new_pool(through: str, context: ssl.SSLContext) -> PoolManager:
    import urllib3

    if not through:
        return urllib3.PoolManager(maxsize=POOL, ssl_context=context)
    parts = urllib.parse.urlsplit(through if "//" in through else f"http://{through}")
    login, at, place = parts.netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(login)) if at else None
    url = parts._replace(netloc=place).geturl()
    return urllib3.ProxyManager(
        url, maxsize=POOL, proxy_headers=headers, ssl_context=context, proxy_ssl_context=context
    )


def _context(ca: str) -> ssl.SSLContext:
    named = os.environ.get("SSL_CERT_FILE", "")
    # OpenSSL says nothing of such a file, and then trusts nobody.
    if named and not os.path.isfile(named):
        raise RequestError(f"SSL_CERT_FILE names {named}, and there is no such file")
    context = ssl.create_default_context()
    # Python 3.13 refuses authorities without some fields, and those of inspecting proxies often lack them; curl, Go
    # and earlier Pythons take them. https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if ca:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            raise RequestError(f"the authority to be trusted is no certificate in PEM ({words(error)})") from error
    return context


def _explained(error: Exception, through: str) -> RequestError:
    import urllib3

    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = f"; {AUTHORITY_ADVICE}" if cause.verify_code in UNKNOWN_AUTHORITY else ""
        return RequestError(f"its certificate is not trusted: {cause.verify_message}{advice}")
    if through and " 407" in str(cause):
        place = through.rpartition("@")[2].rpartition("//")[2].rstrip("/")
        return RequestError(f"the proxy {place} wants another login (407): http://USER:PASSWORD@{place} under proxy:")
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return RequestError("it sends nothing")
    if isinstance(cause, ConnectionResetError) or isinstance(error, urllib3.exceptions.ProtocolError):
        return RequestError(words(cause), broke=True)
    return RequestError(words(cause))


def _cause(error: BaseException) -> BaseException:
    """What the system said, under what urllib3 put around it."""
    inner = [part for part in (*error.args, error.__cause__) if isinstance(part, BaseException)]
    return _cause(inner[0]) if inner and inner[0] is not error else error


def words(error: object) -> str:
    """What the system says, without its number."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
