"""Keeps secrets out of recordings, and out of what the emulator shows of requests.

A secret is found by its name (a header, a parameter, a member of an object, at any depth) and by
its value: the credentials of the request itself, as they are or in base64, and texts that have the
form of a credential.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from fal_typed._core.json_values import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN: Final = "scrubbed"
"""What replaces a secret."""

_KEPT_HEADERS = re.compile(
    r"accept|content-type|content-disposition|content-range|etag|location|range|retry-after"
    r"|x-fal-(?!cdn-token|client).*"
)
_SECRET_HEADERS = re.compile(r".*(?:authorization|token|cookie|secret|key).*")
_WORDS = (
    r"(?:(?<!max_)(?<!num_)token(?!s(?![a-z])|_?(?:count|limit|budget|expiration|ids?|type)|i[sz])"
    r"|secret|(?<!time_)(?<!key_)signature|credential|passw|passphrase|pwd|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|authorization|cookie|bearer|jwt|x-goog-|x-amz-)"
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_SHORT_NAMES = ("auth", "sig")
_SHORT_PARAMETERS = (*_SHORT_NAMES, "key")
# The repetitions are bounded and the beginnings apart, so that no text takes quadratic time.
_ASSIGNED = re.compile(
    rf"(?P<start>{_WORDS}[\w.-]{{0,40}}[\"']?\s{{0,9}}[:=]\s{{0,9}}"
    r"(?:(?:Key|Bearer|Basic)\s)?[\"']?)[^\s\"'&,;<>]+",
    re.IGNORECASE,
)
_FORM_FIELD = re.compile(
    rf"(?P<start>\bname=\"[\w.-]{{0,40}}?{_WORDS}[^\r\n]{{0,99}}(?:\r?\n[^\r\n]{{1,99}}){{0,3}}"
    r"\r?\n\r?\n)[^\r\n]+",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"(?P<start>\b(?:Key|Bearer|Basic)\s)[\w.:+/=~-]{8,}"
    r"|(?<![\w-])(?:hf|gh[oprsu]|github_pat|glpat|xox[abeprs]|r8|sk|pk|rk)[_-][\w-]{16,}"
    r"|(?<![\w-])(?:AKIA[0-9A-Z]{16}\b|AIza[\w-]{35})"
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}\b"
)
_URL = re.compile(r"(?<=://)[^\s\"'<>]+")
_USER = re.compile(r"[^/?#]*@")
_QUERY = re.compile(r"(?<=\?)[^\s\"'<>#]+")
_TOKEN_PATHS = ("/tokens", "/storage/auth/token")
_SHORTEST = 8
_DEEPEST = 100


class Scrubber:
    """Removes the secrets from one exchange.

    Args:
        secrets: Texts to remove wherever they occur: the key and its parts.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for one in secrets if one for form in _forms(one)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Remove the secrets from a text.

        Args:
            text: Any text.

        Returns:
            The text without known secrets, credentials, secret parameters of URLs, their user names
            and fragments.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _URL.sub(lambda match: _without_user_and_fragment(match[0]), text)
        text = _QUERY.sub(lambda match: scrub_query(match[0]), text)
        text = _FORM_FIELD.sub(rf"\g<start>{HIDDEN}", text)
        text = _ASSIGNED.sub(rf"\g<start>{HIDDEN}", text)
        return _CREDENTIAL.sub(lambda match: (match["start"] or "") + HIDDEN, text)

    def content(self, content: bytes) -> bytes:
        """Remove the known secrets from binary data.

        Args:
            content: The data.

        Returns:
            The data without them.
        """
        for secret in self._secrets:
            content = content.replace(secret.encode(), HIDDEN.encode())
        return content

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Keep the headers that matter and never contain a secret.

        Args:
            headers: Names in any case, and values.

        Returns:
            The kept headers by lower-case name.
        """
        kept = {name.lower(): self.text(value) for name, value in headers}
        return {name: value for name, value in kept.items() if _KEPT_HEADERS.fullmatch(name)}

    def masked_headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Show all headers, and hide the credentials in them.

        Args:
            headers: Names in lower case, and values.

        Returns:
            The headers; of a credential, its scheme is left.
        """
        return {
            name: _masked(value) if _SECRET_HEADERS.fullmatch(name) else self.text(value)
            for name, value in headers
        }

    def body(self, path: str, value: Any) -> Any:
        """Remove the secrets from a JSON body.

        Args:
            path: Path of the request.
            value: The parsed body.

        Returns:
            The body without secrets, and without the token if the path issues tokens.

        Raises:
            RecursionError: It is nested too deeply to be searched.
        """
        issues_tokens = path.rstrip("/").startswith(_TOKEN_PATHS)
        if issues_tokens and isinstance(value, str):
            return HIDDEN
        return self._scrub(value)

    def _scrub(self, value: Any, *, is_secret: bool = False, depth: int = 0) -> Any:
        if depth > _DEEPEST:
            raise RecursionError("the JSON is nested too deeply to be searched for secrets")
        if (fields := as_object(value)) is not None:
            return {
                self.text(name): self._scrub(
                    one, is_secret=is_secret or is_secret_name(name), depth=depth + 1
                )
                for name, one in fields.items()
            }
        if (entries := as_list(value)) is not None:
            return [self._scrub(one, is_secret=is_secret, depth=depth + 1) for one in entries]
        if isinstance(value, str):
            return HIDDEN if is_secret and value else self._nested(value)
        if is_secret and isinstance(value, (int, float)) and not isinstance(value, bool):
            return HIDDEN
        return value

    def _nested(self, text: str) -> str:
        """A text, which may be JSON itself."""
        if text[:1] not in ("{", "["):
            return self.text(text)
        try:
            value = json.loads(text)
            scrubbed = self._scrub(value)
        except RecursionError:
            return HIDDEN
        except ValueError:
            return self.text(text)
        return self.text(text) if scrubbed == value else json.dumps(scrubbed)

    def lines(self, text: str) -> str:
        """Remove the secrets from a body that is text: the data of events are JSON.

        Args:
            text: The body.

        Returns:
            The body without secrets.
        """
        if "data:" not in text:
            return self._nested(text)
        return "".join(map(self._event_line, text.splitlines(keepends=True)))

    def _event_line(self, line: str) -> str:
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data[:1] not in ("{", "["):
            return self.text(line)
        end = line[len(line.rstrip("\r\n")) :]
        return f"data: {self._nested(data)}{end}"


def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret.

    Args:
        name: Name of a header, a parameter or a member of an object.

    Returns:
        True if it is.

    >>> [is_secret_name(name) for name in ("hf_token", "apiKey", "max_tokens", "prompt")]
    [True, True, False, False]
    """
    return name.lower() in _SHORT_NAMES or _SECRET_NAME.search(name) is not None


def scrub_query(text: str) -> str:
    """Remove the secret parameters from a query string.

    Args:
        text: The query, without its question mark.

    Returns:
        The query; unchanged when it contains no secret.

    >>> scrub_query("logs=1&fal_jwt_token=abc")
    'logs=1&fal_jwt_token=scrubbed'
    """
    pairs = parse_qsl(text, keep_blank_values=True)
    if not any(_is_secret_parameter(name) for name, _ in pairs):
        return text
    return urlencode([(name, HIDDEN if _is_secret_parameter(name) else one) for name, one in pairs])


def secrets_of(headers: Iterable[tuple[str, str]]) -> set[str]:
    """List the credentials of a request.

    Args:
        headers: The request's headers, names in lower case.

    Returns:
        The credentials, and the secret half of a key.
    """
    return {
        secret
        for name, value in headers
        if _SECRET_HEADERS.fullmatch(name)
        for secret in _parts(value)
        if len(secret) >= _SHORTEST
    }


def _is_secret_parameter(name: str) -> bool:
    return name.lower() in _SHORT_PARAMETERS or is_secret_name(name)


def _parts(value: str) -> Iterator[str]:
    for part in re.split(r"[;,]\s*", value):
        credential = part.rpartition(" ")[2]  # without its scheme
        yield credential
        yield credential.partition(":")[2]  # the secret half of a key
        yield credential.partition("=")[2]  # the value of a cookie


def _without_user_and_fragment(url: str) -> str:
    place, sign, _ = url.partition("#")
    place = _USER.sub(f"{HIDDEN}@", place, count=1) if _USER.match(place) else place
    return f"{place}#{HIDDEN}" if sign else place


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, in a URL, and in base64 wherever it begins there."""
    yield secret
    yield quote(secret, safe="")
    content = secret.encode()
    for before in range(3):
        # Of the encoded text, the characters that depend on the secret alone.
        first = -(-8 * before // 6)
        last = 8 * (before + len(content)) // 6
        encoded = b64encode(b"\0" * before + content).decode()[first:last]
        if len(encoded) >= _SHORTEST:
            yield encoded
            yield encoded.replace("+", "-").replace("/", "_")


def _masked(value: str) -> str:
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {HIDDEN}" if blank and scheme.isalpha() else HIDDEN
