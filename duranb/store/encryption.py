"""The key of an encrypted store: made, kept beside its log under another key, and found again.

All that a store holds is encrypted under its own random *data key*. That lies, encrypted, in a
small file in the folder of the log; a second copy of it is beside, since without it nothing can be
read. What encrypts it is the *outer key*: the user's, from the environment or the keyring.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from duranb.errors import StoreDamaged, StoreEncrypted, UsageError
from duranb.store import files, guarded
from duranb.store.paths import LOG, current
from duranb.text.known import KNOWN

if TYPE_CHECKING:  # cryptography is an extra, and takes 50 ms to import
    from duranb.store.cipher import Cipher

KEY = "DURANB_ENCRYPTION_KEY"
"""The variable of the environment with the outer key: 64 hex digits, or else a passphrase."""

NEW_KEY = "DURANB_NEW_ENCRYPTION_KEY"
"""The same for the key that is to take its place."""

WANTED = "DURANB_ENCRYPT"
"""The variable that says that stores are to be encrypted: 1, or 0 as without it."""

FILES = ("encryption", "encryption.copy")
"""In the log's folder: the encrypted data key, and the same again."""

SERVICE = "duranb"
"""Under which the keyring keeps outer keys, each by a name of its own."""

READABLE = (
    "readable without the key stay: that there is a store, the names of its files, their sizes and "
    "times, and with these the numbers of events and of large values"
)
"""What an encrypted store tells whoever has it and not the key."""

_CURRENT = "current"
"""What the keyring calls the name of the key that new stores get."""

_FORMAT = 1
_PURPOSE = b"duranb data key"
_BYTES = 32
_SALT = 16

_LETTER = b"\xd5enc"
"""How a small file begins that is encrypted as a whole."""


class Wrapped(msgspec.Struct, frozen=True):
    """The file with the encrypted data key. ``salt`` (hex) where the outer key is made of a
    passphrase, ``keyring`` its name in the keyring where it lies there."""

    format: int
    key: str
    salt: str = ""
    keyring: str = ""

    def about(self) -> bytes:
        """What the key is encrypted to be about."""
        return _PURPOSE + f" {self.format} {self.salt} {self.keyring}".encode()


def is_wanted() -> bool:
    """Whether stores are to be encrypted. Raises :class:`UsageError` where that is not said
    clearly."""
    said = os.environ.get(WANTED, "").strip()
    if said not in ("", "0", "1"):
        raise UsageError(f"{WANTED} is 1 or 0, not {said!r}")
    return said == "1"


def is_encrypted(log: Path) -> bool:
    """Whether the log in a folder is encrypted, as far as its names tell."""
    return any(os.path.lexists(log / name) for name in FILES)


def refuse_where_wanted(what: str) -> None:
    """Raise :class:`UsageError` where stores are to be encrypted: ``what`` cannot be."""
    if is_wanted():
        raise UsageError(
            f"{WANTED}=1, and {what} is not encrypted by duranb: use the encryption that the "
            f"storage itself has, and set {WANTED}=0 for what writes there"
        )


def cipher_of(log: Path) -> Cipher | None:
    """What decrypts the log in a folder, and all that belongs to it; None where it is plain.

    Raises :class:`StoreEncrypted` where the key is not there or is another one, and
    :class:`StoreDamaged` where the file with the data key cannot be read.
    """
    if not is_encrypted(log):
        return None
    found = [wrapped for name in FILES if (wrapped := _read(log / name))]
    if not found:
        raise StoreDamaged(
            f"the file {log / FILES[0]}, which holds the encrypted key of the store, cannot be "
            "read, nor its copy beside it. Put a backup of one of them in its place: without it "
            "nothing in the store can be decrypted"
        )
    _need_cryptography()
    for wrapped in found:
        for outer in _outer_keys(wrapped):
            if (key := _unwrapped(wrapped, outer)) is not None:
                from duranb.store.cipher import Cipher

                return Cipher(key)
    raise StoreEncrypted(_missing(log, found[0]))


def begin(log: Path) -> Cipher:
    """Give the log in a folder, in which there is nothing yet, a data key of its own.

    Raises :class:`StoreEncrypted` where there is no outer key, or :class:`StoreUnwritable`.
    """
    _need_cryptography()
    from duranb.store.cipher import Cipher

    key = secrets.token_bytes(_BYTES)
    _write(log, _wrapped(key, os.environ.get(KEY, "")))
    return Cipher(key)


def data_key(log: Path) -> bytes:
    """The data key of an encrypted log, to be encrypted under another key by :func:`rewrap`.

    Raises what :func:`cipher_of` raises.
    """
    cipher_of(log)
    for wrapped in (wrapped for name in FILES if (wrapped := _read(log / name))):
        for outer in _outer_keys(wrapped):
            if (key := _unwrapped(wrapped, outer)) is not None:
                return key
    raise StoreEncrypted(f"the store {log.parent} is not encrypted")


def rewrap(log: Path, key: bytes) -> None:
    """Encrypt a data key under another outer key: the one in ``NEW_KEY``, else one that is made in
    the keyring. The one before is of no use for this store then.

    Raises :class:`StoreEncrypted` or :class:`duranb.errors.StoreUnwritable`.
    """
    _write(log, _wrapped(key, os.environ.get(NEW_KEY, ""), anew=True))


def heal(log: Path) -> None:
    """Make the two files with the data key equal again, after one was lost or changing the key was
    interrupted: the first that decrypts counts. For the one who holds the lock, and the key."""
    found = [_read(log / name) for name in FILES]
    if found[0] == found[1]:
        return
    for wrapped in found:
        if wrapped and any(_unwrapped(wrapped, outer) for outer in _outer_keys(wrapped)):
            _write(log, wrapped)
            return


def described(log: Path) -> str:
    """Where the outer key of an encrypted log lies, in words."""
    found = next((wrapped for name in FILES if (wrapped := _read(log / name))), None)
    return where(found) if found else "an unknown place"


def where(wrapped: Wrapped) -> str:
    """Where an outer key lies, in words."""
    if wrapped.salt:
        return f"the passphrase in {KEY}"
    if wrapped.keyring:
        return f"the key {wrapped.keyring} that the keyring has for {SERVICE}"
    return f"the key in {KEY}"


def planned(name: str = KEY) -> str:
    """Where the outer key lies that is used next, in words; ``name`` is the variable that may hold
    it."""
    given = os.environ.get(name, "")
    if not given:
        return "a key in the keyring"
    return f"the passphrase in {name}" if _hex(given) is None else f"the key in {name}"


# -- small files ---------------------------------------------------------------------------------


def shut(data: bytes, about: str, cipher: Cipher | None) -> bytes:
    """A small file that is encrypted as a whole; as it is where the store is plain."""
    return data if cipher is None else _LETTER + cipher.encrypt(data, about.encode())


def opened(data: bytes, about: str, cipher: Cipher | None) -> bytes:
    """What :func:`shut` was given. What lies there in plain form is given as it is: that it is
    encrypted does not say who wrote it. Raises ValueError for what does not decrypt."""
    if not data.startswith(_LETTER):
        return data
    if cipher is None:
        raise ValueError("it is encrypted, and the store is not")
    return cipher.decrypt(data[len(_LETTER) :], about.encode())


def letter(file: Path) -> bytes:
    """What a file says that another process has left in a folder of a store, also of an encrypted
    one. Raises OSError, and ValueError for what does not decrypt."""
    data = guarded.read(file)
    if not data.startswith(_LETTER):
        return data
    return opened(data, file.name, cipher_of(current(file.parent.parent, LOG)))


# -- the file ------------------------------------------------------------------------------------


def _read(file: Path) -> Wrapped | None:
    try:
        found = msgspec.json.decode(guarded.read(file), type=Wrapped)
        bytes.fromhex(found.key + found.salt)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if found.format > _FORMAT:
        raise StoreEncrypted(
            f"the key in {file} was written by a later duranb: pip install -U 'duranb[encryption]'"
        )
    return found


def _write(log: Path, wrapped: Wrapped) -> None:
    for name in FILES:
        files.replace(log / name, msgspec.json.encode(wrapped))


def _wrapped(key: bytes, given: str, *, anew: bool = False) -> Wrapped:
    """A data key, encrypted under the outer key that is given, or else one in the keyring."""
    if given and (outer := _hex(given)) is None:
        salt = secrets.token_hex(_SALT)
        made, outer = Wrapped(_FORMAT, "", salt=salt), _of_passphrase(given, salt)
    elif given and outer is not None:
        made = Wrapped(_FORMAT, "")
    else:
        name, outer = _in_keyring(anew=anew)
        made = Wrapped(_FORMAT, "", keyring=name)
    return msgspec.structs.replace(made, key=_aead(outer, key, made.about()).hex())


def _aead(outer: bytes, key: bytes, about: bytes) -> bytes:
    from duranb.store.cipher import Cipher

    return Cipher(outer).encrypt(key, about)


def _unwrapped(wrapped: Wrapped, outer: bytes) -> bytes | None:
    from duranb.store.cipher import Cipher, Illegible

    try:
        return Cipher(outer).decrypt(bytes.fromhex(wrapped.key), wrapped.about())
    except Illegible:
        return None


# -- outer keys ----------------------------------------------------------------------------------


def _outer_keys(wrapped: Wrapped) -> Iterator[bytes]:
    """The keys that may decrypt a data key, as far as they are there."""
    given = os.environ.get(KEY, "")
    if given:
        KNOWN.learn(given, f"${KEY}", source=("environment", KEY))
        raw = _hex(given)
        if wrapped.salt:
            yield _of_passphrase(given, wrapped.salt)
        elif raw is not None:
            yield raw
    if wrapped.keyring:
        found = _hex(_asked(wrapped.keyring))
        if found is not None:
            yield found


def _hex(text: str) -> bytes | None:
    """The key that 64 hex digits are; None for anything else."""
    try:
        found = bytes.fromhex(text.strip())
    except ValueError:
        return None
    return found if len(found) == _BYTES else None


@functools.lru_cache(8)
def _of_passphrase(passphrase: str, salt: str) -> bytes:
    """By scrypt, as OWASP advises: about 0.2 s and 32 MB."""
    return hashlib.scrypt(
        passphrase.encode("utf-8", "surrogatepass"),
        salt=bytes.fromhex(salt),
        n=1 << 15,
        r=8,
        p=3,
        maxmem=64 << 20,
        dklen=_BYTES,
    )


def _in_keyring(*, anew: bool) -> tuple[str, bytes]:
    """The name and the key that new stores get, made at first use."""
    name = "" if anew else _asked(_CURRENT)
    key = _hex(_asked(name)) if name else None
    if key is None:
        name, key = f"key-{secrets.token_hex(4)}", secrets.token_bytes(_BYTES)
        _keep(name, key.hex())
        _keep(_CURRENT, name)
    return name, key


def _keyring() -> Any:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module("keyring")
    except ImportError:
        return None


def _asked(name: str) -> str:
    """What the keyring has under a name; empty where there is no keyring, or it stays closed."""
    keyring = _keyring()
    if keyring is None:
        return ""
    try:
        found: str | None = keyring.get_password(SERVICE, name)
    except Exception:  # of any kind: each keyring has its own
        return ""
    return found or ""


def _keep(name: str, value: str) -> None:
    keyring = _keyring()
    why = "the package keyring is not installed: pip install 'duranb[encryption]'"
    if keyring is not None:
        try:
            keyring.set_password(SERVICE, name, value)
        except Exception as error:  # of any kind: each keyring has its own
            why = f"the keyring says: {error}"
        else:
            why = "" if _asked(name) == value else "the keyring did not keep it"
    if why:
        raise StoreEncrypted(
            f"there is no key to encrypt with: {KEY} is not set, and none can be kept in the "
            f"keyring ({why}). Set {KEY} to a passphrase, or to 64 hex digits (make them with: "
            'python -c "import secrets; print(secrets.token_hex(32))"), and keep it: without it '
            "nothing can be read again"
        )


def _missing(log: Path, wrapped: Wrapped) -> str:
    """What is said where no key decrypts."""
    store = log.parent if log.name == LOG else log
    given = os.environ.get(KEY)
    if given and (wrapped.salt or _hex(given) is not None):
        what = f"{KEY} is not the key that it was encrypted with"
    elif given:
        what = f"{KEY} is a passphrase, and it was encrypted with a key of 64 hex digits"
    else:
        what = f"{KEY} is not set"
    if wrapped.keyring:
        what += f", and the keyring has no key {wrapped.keyring} for {SERVICE}, or is closed"
    return (
        f"the store {store} is encrypted, and its key is not here: {what}. Nothing was read or "
        f"changed. Set {KEY} to its {'passphrase' if wrapped.salt else 'key'}"
        + (", or open the keyring" if wrapped.keyring else "")
        + ", and open the notebook again"
    )


def _need_cryptography() -> None:
    try:
        importlib.import_module("cryptography")
    except ImportError as error:
        raise StoreEncrypted(
            "an encrypted store needs the package cryptography: pip install 'duranb[encryption]'"
        ) from error
