# ruff: noqa: E501
"""What the standard library makes."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def library() -> list[Kind]:
    return [
        Kind("deque", "import collections; x = collections.deque([1, 2], 5)", "x.append(3)"),
        Kind("Counter", "import collections; x = collections.Counter('abca')", "x['z'] += 1"),
        Kind(
            "OrderedDict",
            "import collections; x = collections.OrderedDict(a=1, b=2)",
            "x.move_to_end('a')",
        ),
        Kind(
            "defaultdict",
            "import collections; x = collections.defaultdict(list, a=[1])",
            "x['b'].append(2)",
        ),
        Kind(
            "defaultdict of a lambda",
            "import collections; x = collections.defaultdict(lambda: 7)",
            "x['b']",
            "dict(x)",
        ),
        Kind(
            "ChainMap",
            "import collections; x = collections.ChainMap({'a': 1}, {'b': 2})",
            "x['c'] = 3",
        ),
        Kind("UserDict", "import collections; x = collections.UserDict(a=1)", "x['b'] = 2"),
        Kind("array", "import array; x = array.array('d', [1, 2])", "x.append(3)"),
        Kind("heap", "import heapq; x = [3, 1, 2]; heapq.heapify(x)", "heapq.heappush(x, 0)"),
        Kind("datetime", "import datetime as d; x = d.datetime(2026, 1, 2, tzinfo=d.timezone.utc)"),
        Kind("date", "import datetime as d; x = d.date(2026, 1, 2)"),
        Kind("timedelta", "import datetime as d; x = d.timedelta(1, 2, 3)"),
        Kind("zoneinfo", "import zoneinfo; x = zoneinfo.ZoneInfo('UTC')", show="str(x)"),
        Kind("Decimal", "import decimal; x = decimal.Decimal('1.10')"),
        Kind("Fraction", "import fractions; x = fractions.Fraction(2, 6)"),
        Kind("UUID", "import uuid; x = uuid.UUID(int=5)"),
        Kind("Path", "import pathlib; x = pathlib.Path('a') / 'b'"),
        Kind("compiled pattern", "import re; x = re.compile('a(b)', re.I)"),
        Kind("match", "import re; x = re.match('a', 'a')"),
        Kind("Struct", "import struct; x = struct.Struct('<I')", show="x.format", fate="refused"),
        Kind(
            "StringIO",
            "import io; x = io.StringIO('abc'); x.read(1)",
            "x.write('z')",
            "(x.getvalue(), x.tell())",
        ),
        Kind(
            "BytesIO",
            "import io; x = io.BytesIO(b'abc'); x.read(1)",
            "x.write(b'z')",
            "(x.getvalue(), x.tell())",
        ),
        Kind("Random", "import random; x = random.Random(3)", "x.random()", "x.getstate()"),
        Kind("SystemRandom", "import random; x = random.SystemRandom()", fate="refused"),
        Kind("itertools.count", "import itertools; x = itertools.count(5)", "next(x)"),
        Kind("hash object", "import hashlib; x = hashlib.sha256(b'a')", fate="refused"),
        Kind(
            "weakref",
            "import weakref\nclass C:\n    pass\nc = C(); x = weakref.ref(c)",
            show="x() is c",
        ),
        Kind(
            "ContextVar",
            "import contextvars; x = contextvars.ContextVar('v'); _ = x.set([1])",
            "x.get().append(2)",
            "(x.name, x.get())",
        ),
        Kind(
            "queue",
            "import queue; x = queue.Queue(); x.put(1)",
            "x.put(2)",
            "list(x.queue)",
            "stored",
        ),
        Kind(
            "ArgumentParser",
            "import argparse; x = argparse.ArgumentParser('p'); _ = x.add_argument('-a', type=int)",
            fate="refused",
        ),
        Kind(
            "string.Template", "import string; x = string.Template('$a')", show="x.substitute(a=1)"
        ),
        Kind(
            "ElementTree",
            "import xml.etree.ElementTree as e; x = e.fromstring('<a><b>1</b></a>')",
            "x[0].text = '2'",
            "e.tostring(x)",
        ),
        Kind(
            "email message",
            "import email.message; x = email.message.EmailMessage(); x['a'] = 'b'",
            "x['c'] = 'd'",
            "x.as_string()",
        ),
        Kind("IPv4Network", "import ipaddress; x = ipaddress.ip_network('10.0.0.0/8')"),
        Kind(
            "ConfigParser",
            "import configparser; x = configparser.ConfigParser(); x['s'] = {'k': 'v'}",
            "x['s']['k'] = 'w'",
            "x['s']['k']",
        ),
        Kind("lock", "import threading; x = threading.Lock()", show="x.locked()", fate="remade"),
        Kind(
            "RLock",
            "import threading; x = threading.RLock()",
            show="type(x).__name__",
            fate="remade",
        ),
        Kind(
            "Event",
            "import threading; x = threading.Event(); x.set()",
            show="x.is_set()",
            fate="remade",
        ),
        Kind("Condition", "import threading; x = threading.Condition()", show="type(x).__name__"),
        Kind("Semaphore", "import threading; x = threading.Semaphore(3)", show="x._value"),
        Kind(
            "thread",
            "import threading; x = threading.Thread(target=print)",
            show="type(x).__name__",
            fate="refused",
        ),
        Kind("thread-local", "import threading; x = threading.local(); x.a = 1", "x.a = 2", "x.a"),
        Kind(
            "thread pool",
            "import concurrent.futures as f; x = f.ThreadPoolExecutor(2)",
            show="x._max_workers",
            fate="remade",
        ),
        Kind(
            "process pool",
            "import concurrent.futures as f; x = f.ProcessPoolExecutor(2)",
            show="x._max_workers",
            fate="remade",
        ),
        Kind("future", "import concurrent.futures as f; x = f.Future()", fate="refused"),
        Kind(
            "event loop", "import asyncio; x = asyncio.new_event_loop(); x.close()", fate="refused"
        ),
        Kind("asyncio lock", "import asyncio; x = asyncio.Lock()", show="x.locked()"),
        Kind(
            "asyncio queue",
            "import asyncio; x = asyncio.Queue(); x.put_nowait(3)",
            "x.put_nowait(4)",
            "list(x._queue)",
        ),
        Kind("socket", "import socket; x = socket.socket(); x.close()", fate="refused"),
        Kind(
            "logger", "import logging; x = logging.getLogger('a.b')", show="x.name", fate="remade"
        ),
        Kind(
            "file opened for reading",
            "open('f.txt', 'w').write('abc'); x = open('f.txt'); x.read(1)",
            show="(x.tell(), x.read(), x.seek(1))",
            fate="remade",
        ),
        Kind(
            "file opened for bytes",
            "open('f.bin', 'wb').write(b'abc'); x = open('f.bin', 'rb')",
            show="(x.read(), x.seek(0))",
            fate="remade",
        ),
        Kind("file opened for writing", "x = open('w.txt', 'w')", fate="refused"),
        Kind(
            "subprocess",
            "import subprocess, sys; x = subprocess.Popen([sys.executable, '-c', '']); _ = x.wait()",
            fate="refused",
        ),
        Kind(
            "sqlite connection to a file",
            "import sqlite3; x = sqlite3.connect('t.db'); _ = x.execute('create table if not exists t(a)')",
            show="x.execute('select count(*) from sqlite_master').fetchall()",
            fate="remade",
        ),
        Kind(
            "sqlite connection in memory",
            "import sqlite3; x = sqlite3.connect(':memory:'); x.executescript('create table t(a)')",
            show="x.execute('select name from sqlite_master').fetchall()",
            fate="remade",
        ),
        Kind(
            "sqlite cursor",
            "import sqlite3; x = sqlite3.connect(':memory:').cursor()",
            fate="refused",
        ),
        Kind(
            "temporary folder",
            "import tempfile; x = tempfile.TemporaryDirectory()",
            show="x.name",
            fate="refused",
        ),
    ]
