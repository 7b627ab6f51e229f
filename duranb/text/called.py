"""Which names say that what they have is a credential: of variables, fields, parameters, headers.

Some are called so that there is no doubt (``password``, ``api_key``). Others may be (``token`` is a
word of a sentence, too): there the value has to look like a credential as well.
"""

from __future__ import annotations

import functools
import re

_ENDINGS = (
    "accesskey",
    "accesstoken",
    "accountkey",
    "apikey",
    "apitoken",
    "authkey",
    "authorization",
    "authorizationtoken",
    "authtoken",
    "bearertoken",
    "credential",
    "encryptionkey",
    "idtoken",
    "jwt",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secret",
    "secretkey",
    "securitytoken",
    "sessiontoken",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
)
_LAST = frozenset(
    {"auth", "basic", "bearer", "cookie", "jwt", "pass", "pat", "pwd", "sessionid", "sid"}
    | {"signature", "token"}
)
"""Last words of names that may be called so for something else."""

_PARAMETERS = frozenset({"appid", "auth", "code", "key", "sig", "token"})

_SOME = (
    *("auth", "basic", "bearer", "cookie", "credential", "jwt", "key", "pass", "pwd", "secret"),
    *("sessionid", "signature", "token"),
)
"""One of these stands in each of these names, or one of the short words."""

_SHORT = re.compile(r"(?:pat|sid)s?_?\d*\b")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_VARIABLE = re.compile(
    r"(KEYS?|KEY_ID|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|AUTH"
    r"|(^|_)(PASS|PAT|JWT|BEARER|COOKIE))(_?\d+)?$",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"(^|_)(KEYS?|TOKENS?|SECRETS?|PASSWORD|PASS|PAT|CREDENTIALS?|JWT|AUTH)_"
    r"(?!.*(URL|URI|PATH|FILE|DIR|NAME|HOST|ENDPOINT|COLUMN|TYPE)$)",
    re.IGNORECASE,
)
"""In the middle, as in ``API_KEY_PROD``."""

_NO_SECRETS = frozenset({"PWD", "OLDPWD"})

_OF_THE_USER = re.compile(r"^(?!JPY_|JUPYTER|DURANB_).*(KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD)$")
"""Jupyter's own are another one for each kernel."""


@functools.lru_cache(maxsize=4096)
def is_secret_field(name: str) -> bool:
    """Whether a field of this name holds a credential, if it holds a text."""
    plain = name.lower().replace("-", "").replace("_", "").rstrip("0123456789")
    return plain == "token" or plain.removesuffix("s").endswith(_ENDINGS)


@functools.lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Whether a field or variable of this name holds a credential, if it holds what looks like
    one."""
    if is_secret_field(name) or (name.isupper() and _VARIABLE.search(name) is not None):
        return True
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower().removesuffix("s") in _LAST


def names_some(text: str) -> bool:
    """Whether some such name may stand in a text: whoever looks for them may pass by the others."""
    lower = text.lower()
    return any(word in lower for word in _SOME) or _SHORT.search(lower) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name may hold a credential."""
    lower = name.lower()
    return lower in _PARAMETERS or is_secret_field(lower) or lower.endswith("signature")


def is_secret_variable(name: str) -> bool:
    """Whether a variable of the environment of this name holds a credential of the user's."""
    return _OF_THE_USER.search(name.upper()) is not None


def in_environment(name: str) -> bool | None:
    """Whether a variable of the environment of this name holds a credential; None where it does if
    its value looks like one."""
    if name in _NO_SECRETS:
        return False
    return True if _VARIABLE.search(name) else None if _WITHIN.search(name) else False
