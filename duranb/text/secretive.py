"""What a secret may look like, and in which forms it turns up."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

from duranb.text import called

_LEAST = 8
_LONGEST = 64 * 1024

_COMMON = frozenset(
    b"administrator changeme12 changeme123 default-key development localhost password password1"
    b" password123 placeholder postgres1 production username undefined".split()
)
_WORDS = re.compile(rb"[A-Z]?[a-z]{0,23}([ _.-][A-Z]?[a-z]{1,14}){0,3}|[A-Z_]{1,24}|[\d.,:-]{1,15}")
"""Words, or a number: nobody would know these from what else is called so."""

_LOOKS = re.compile(rb"(?=.*[A-Za-z])(?=.*\d)[\w.~+/=:%-]{16,}", re.DOTALL)
"""A token: letters and digits, long, and nothing else."""

_WITH_PASSWORD = re.compile(r"\b[a-zA-Z][\w+.-]*://([^\s'\"<>/@:]*):([^\s'\"<>/]+)@[^\s'\"<>]+")
_ONLY_USER = re.compile(r"\b[a-zA-Z][\w+.-]*://([^\s'\"<>/@:?#]{16,})@")
"""A key in the place of a user, as Sentry and Git are given one."""

_PARAMETER = re.compile(r"[?&;]([\w.-]{2,40})=([^&;\s'\"<>#]{16,})")
"""Of a URL."""

_GIVEN_PASSWORD = re.compile(
    r"(?i)\b(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*([^\s;'\"]+)"
)
_QUOTED_PASSWORD = re.compile(r"(?i)\b(?:password|identified\s+by)\s+'([^'\n]+)'")
"""As SQL gives it."""

_NAMED = re.compile(
    r"""(?<![\w-])-{0,2}([A-Za-z][\w-]{2,40})(?=["']?(?:\s*[=:]\s*|\s+)["']?([\w.~+/%-]{16,}=*))"""
)
"""A name and what may be a token: a header, an option of a command, a parameter of a URL."""

_TAGGED = re.compile(r"<(?:[\w-]+:)?([A-Za-z][\w-]{2,40})(?:\s[^<>]*)?>\s*([^<>\s]{8,200})\s*</")
"""A name and what it has, in XML."""

_SHORT_OPTION = re.compile(r"\s-p[ ]*['\"]?([\w.~+%-]{16,}=*)")
"""As some commands are given a password."""

_USER = re.compile(r"(?:^|\s)(?:-u|--user)[ =]*['\"]?[^\s:'\"]+:([^\s'\"]{8,})")
"""As options of commands give a user and a password."""

SECRET_PATH = re.compile(r"(/bot\d+:|/services/T\w+/B\w+/|/webhooks/\d+/|(?i:;jsessionid=))[\w.-]+")
"""Where Telegram, Slack, Discord and servers of Java put theirs, in the path of a URL."""

_STANDS_FOR = re.compile(r"\{[^{}]*\}|\$[({]?\w|%\(\w+\)|^%s$|^<[\w -]+>$|^\*+$|\(.*\)$")
"""In a password of a template, or of code: it is put in later."""

FORMATS: tuple[tuple[bytes, re.Pattern[bytes]], ...] = tuple(
    (start.encode(), re.compile(pattern.encode()))
    for start, pattern in (
        ("sk-", r"sk-(?:proj-|ant-|or-|live-|test-)?[A-Za-z0-9_-]{24,}"),
        ("sk_live_", r"sk_live_[A-Za-z0-9]{16,}"),
        ("rk_live_", r"rk_live_[A-Za-z0-9]{16,}"),
        ("ghp_", r"ghp_[A-Za-z0-9]{30,}"),
        ("gho_", r"gho_[A-Za-z0-9]{30,}"),
        ("ghs_", r"ghs_[A-Za-z0-9]{30,}"),
        ("github_pat_", r"github_pat_\w{30,}"),
        ("glpat-", r"glpat-[\w-]{20,}"),
        ("hf_", r"hf_[A-Za-z0-9]{30,}"),
        ("gsk_", r"gsk_[A-Za-z0-9]{40,}"),
        ("xai-", r"xai-[A-Za-z0-9]{40,}"),
        ("AKIA", r"AKIA[0-9A-Z]{16}\b"),
        ("ASIA", r"ASIA[0-9A-Z]{16}\b"),
        ("AIza", r"AIza[\w-]{35}"),
        ("xoxb-", r"xoxb-[\w-]{20,}"),
        ("xoxp-", r"xoxp-[\w-]{20,}"),
        ("pypi-AgE", r"pypi-AgE[\w-]{50,}"),
        ("npm_", r"npm_[A-Za-z0-9]{36}\b"),
        (
            "-----BEGIN ",
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{40,10000}?-----END [A-Z ]*PRIVATE KEY-----",
        ),
    )
)
"""Well-known forms: how each begins, and all of it."""

_EXAMPLE = re.compile(rb"(?i)example|x{6}|\.\.\.|0{8}|1234567|your[-_]")


def is_example(value: bytes) -> bool:
    """Whether what has the form of a key is one of a manual."""
    return _EXAMPLE.search(value) is not None or len(set(value)) < _LEAST


def is_word(byte: int) -> bool:
    """Whether a byte belongs to a word, in which nothing begins."""
    return chr(byte).isalnum() or byte == ord("_")


def may_be(value: bytes, *, sure: bool) -> bool:
    """Whether a value from a place where secrets stand may be one: it is none where it is so
    short or common that it would be found everywhere. Where nobody is ``sure`` it has to look like
    one.
    """
    if not _LEAST <= len(value) <= _LONGEST or len(set(value)) < 4 or value.startswith(_STANDS_IN):
        return False
    if value.lower() in _COMMON or _WORDS.fullmatch(value):
        return False
    if not sure:
        return _LOOKS.fullmatch(value) is not None
    return not (value[:1] in b"/~." and os.path.exists(os.path.expanduser(value)))


_STANDS_IN = (b"*secret*", b"not-stored", b"Bearer ")


def forms(value: bytes) -> set[bytes]:
    """A secret as it may be written: in JSON, in Python, in a URL, in HTML, encoded, with several
    bytes for a character."""
    found = {value, *_encoded(value)}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {form for form in found if len(form) >= _LEAST or form == value}
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        found |= {once.encode(), json.dumps(once, ensure_ascii=ascii_only)[1:-1].encode()}
    written = repr(text)[1:-1]
    found |= {written.encode(), json.dumps(written)[1:-1].encode(), html.escape(text).encode()}
    found |= {quote(text, safe="").encode(), quote(text).encode(), quote_plus(text).encode()}
    for bits in (16, 32):  # without the zeros at the ends, which are at the start or at the end
        wide = text.encode(f"utf-{bits}-le", "surrogatepass").rstrip(b"\0")
        found.add(wide)
    return {form for form in found if len(form) >= _LEAST or form == value}


def _encoded(value: bytes) -> set[bytes]:
    """What is in base64 and hexadecimal digits of whatever a secret is in: base64 depends on how
    many bytes stand before, and its last characters on what follows."""
    found = {value.hex().encode(), value.hex().upper().encode()}
    for before in range(3):
        data = bytes(before) + value
        whole = len(data) - len(data) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(data[:whole])[4 if before else 0 :])
    return found


def in_variable(name: str, value: str) -> Iterator[str]:
    """The secrets in a variable of the environment."""
    holds = called.in_environment(name)
    if holds or (holds is None and _is_token(value)):
        yield value
    yield from in_text(value)


def _is_token(value: str) -> bool:
    """Whether a value looks like a token, and neither like a path nor like an address."""
    return _looks(value) and value[0] not in "/~." and "://" not in value


def _looks(value: str) -> bool:
    return _LOOKS.fullmatch(value.encode("utf-8", "surrogatepass")) is not None


def passwords(text: str) -> Iterator[str]:
    """The passwords, users and parameters that are credentials in a URL or another text that says
    how to connect; with a password the whole of such a text too. Of one that says nothing of that
    this is found in no time."""
    is_url = "://" in text and ("@" in text or "?" in text)
    lower = text.lower()
    if not is_url and not any(word in lower for word in _GIVING):
        return
    if is_url:
        yield from (user for user in _ONLY_USER.findall(text) if _looks(user))
        for name, value in _PARAMETER.findall(text):
            plain = unquote(value)
            if called.is_secret_parameter(name) and _looks(plain):
                yield from {value, plain}
    found = [m for m in _WITH_PASSWORD.finditer(text) if not _STANDS_FOR.search(m[2])]
    for match in found:
        user, password = match.groups()
        yield from {password, unquote(password)}
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    given = [*_GIVEN_PASSWORD.findall(text), *_QUOTED_PASSWORD.findall(text)]
    given = [password for password in given if not _STANDS_FOR.search(password)]
    for password in given:
        yield from {password, password.partition("&")[0].rstrip(",)")}
    if (found or given) and " " not in text.strip():
        yield text


_GIVING = ("password", "pwd", "accountkey", "sharedaccesskey", "identified")


def in_text(text: str) -> Iterator[str]:
    """The passwords in a URL or another text that says how to connect, what it gives under names
    that say so, and the keys that look like one; with a password the whole of such a text too."""
    yield from passwords(text)
    if called.names_some(text):
        for name, value in _NAMED.findall(text):
            if called.may_be_secret(name) and _looks(value):
                yield value
        if "</" in text:
            yield from (v for name, v in _TAGGED.findall(text) if called.may_be_secret(name))
    if "-u" in text:
        yield from (each for each in _USER.findall(text) if not _STANDS_FOR.search(each))
    if "-p" in text:
        yield from (each for each in _SHORT_OPTION.findall(text) if _looks(each))
    for found in SECRET_PATH.finditer(text):
        yield found.group()[len(found.group(1)) :]
    for start, pattern in FORMATS:
        if start.decode() in text:
            for key in pattern.findall(text.encode("utf-8", "replace")):
                if not is_example(key):
                    yield key.decode()
