"""Secrets that somebody types, or that come out of the keyring, are known from then on."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import wrapt

from duranb.text.known import KNOWN


class _State:
    watching = False


def watch() -> None:
    """Know what ``getpass`` and ``keyring`` give, wherever they are used from now on."""
    if not _State.watching:
        _State.watching = True
        wrapt.register_post_import_hook(_hook_getpass, "getpass")
        wrapt.register_post_import_hook(_hook_kernel, "ipykernel.kernelbase")
        wrapt.register_post_import_hook(_hook_keyring, "keyring")


def _hook_getpass(module: ModuleType) -> None:
    found: Any = module
    found.getpass = _known(found.getpass)


def _hook_kernel(module: ModuleType) -> None:
    kernel: Any = module.Kernel
    kernel.getpass = _known(kernel.getpass)


def _known(ask: Any) -> Any:
    @functools.wraps(ask)
    def asked(*args: Any, **options: Any) -> Any:
        value = ask(*args, **options)
        if isinstance(value, str):
            KNOWN.learn(value, "typed, where getpass asked for it")
        return value

    return asked


def _hook_keyring(module: ModuleType) -> None:
    found: Any = module
    look = found.get_password

    @functools.wraps(look)
    def get_password(service_name: str, username: str) -> Any:
        value = look(service_name, username)
        if value:
            source = ("keyring", service_name, username)
            KNOWN.learn(value, f"the keyring, {service_name}", source=source)
        return value

    found.get_password = get_password
