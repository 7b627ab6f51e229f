"""The ways a secret goes through a notebook, as bodies of durable cells."""

from __future__ import annotations

import base64
import secrets

SETUP = """
import abc, asyncio, attrs, base64, collections, configparser, contextlib, contextvars, dataclasses
import enum, functools, html, io, json, logging, os, pickle, sqlite3, string, subprocess, sys
import threading, traceback, urllib.request, warnings
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode
import aiohttp, duranb, httpx2, ipywidgets, numpy as np, openai, pandas as pd, requests, rich
from IPython.display import HTML, JSON, Javascript, Markdown, display, update_display
from pydantic import BaseModel, SecretStr
@dataclasses.dataclass
class Config:
    key: str
    n: int = 1
class Account(BaseModel):
    user: str
    password: str
class Signing(requests.auth.AuthBase):
    def __init__(self, number):
        self.number = number
    def __call__(self, request):
        request.headers['X-Vault-Token'] = read(self.number)
        return request
class Flowing(httpx2.Auth):
    def __init__(self, number):
        self.number = number
    def auth_flow(self, request):
        request.headers['Authorization'] = 'Token ' + read(self.number)
        yield request
def read(number):
    with open('canaries.json') as file:
        return json.load(file)[number]
def sent(number):
    requests.post(URL + '/x', headers={'x-api-key': read(number)}, json={})
    return read(number)
@duranb.tool
def book(city: str, token: str) -> str:
    '''Book.'''
    return f'{city} {token}'
@duranb.tool
def refuse(city: str, token: str) -> str:
    '''Refuse.'''
    raise LookupError(f'{token} is not welcome')
@duranb.step
def signed(text, password):
    return {'text': text, 'by': password}
def echo(text):
    return f'<{text}>'
async def call(folder, arguments, **more):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client
    server = ['-S', MCP, folder, 'desk']
    command = StdioServerParameters(command=sys.executable, args=server, **more)
    quiet = open(os.devnull, 'w')
    async with stdio_client(command, quiet) as streams, ClientSession(*streams) as session:
        await session.initialize()
        return str(await session.call_tool('get_weather', arguments))
"""

POST = "requests.post(URL + '/x', json={}, "
SAY = "messages=[{'role': 'user', 'content': 'hi'}]"
CHAT = f"model='gpt-4o-mini', {SAY}"
CLIENT = "client_N = openai.OpenAI(base_url=URL + '/v1', api_key=read(N))\n"
TOKEN = "os.environ['CN_TOKEN']"

ON_THE_WIRE = {
    "header": POST + "headers={'x-api-key': read(N)})\nkept_N = read(N)",
    "bearer": POST + "headers={'Authorization': 'Bearer ' + read(N)})\nprint(read(N))",
    "basic": POST + "auth=('bob', read(N)))\nprint(read(N))",
    "proxy": POST + "headers={'Proxy-Authorization': 'Basic ' + read(N)})\nkept_N = [read(N)]",
    "own header": POST + "headers={'X-Shop-Access-Token': read(N)})\nkept_N = (read(N), 1)",
    "auth object": POST + "auth=Signing(N))\nprint(read(N))",
    "auth flow": "httpx2.post(URL + '/x', auth=Flowing(N), json={})\nkept_N = read(N)",
    "digest": "auth_N = requests.auth.HTTPDigestAuth('bob', read(N))\nprint(auth_N.password)",
    "auth pair": "httpx2.post(URL + '/x', auth=('bob', read(N)), json={})\nkept_N = read(N)",
    "async auth": (
        "async with httpx2.AsyncClient(auth=Flowing(N)) as http:\n"
        "    await http.post(URL + '/v1/chat/completions', json={'model': 'm', 'messages': []})\n"
        "del http\nprint(read(N))"
    ),
    "unrecorded auth": (
        "httpx2.post(URL + '/oauth/token', auth=('bob', read(N)), json={})\nkept_N = read(N)"
    ),
    "aiohttp auth": (
        "async with aiohttp.ClientSession(auth=aiohttp.BasicAuth('bob', read(N))) as http:\n"
        "    await http.post(URL + '/x', json={})\ndel http\nkept_N = read(N)"
    ),
    "session": (
        "with requests.Session() as http:\n    http.headers['X-Auth-Token'] = read(N)\n"
        "    http.get(URL + '/v1/models')\ndel http\nkept_N = {read(N)}"
    ),
    "client's header": (
        "with httpx2.Client(headers={'X-Session-Token': read(N)}) as http:\n"
        "    http.get(URL + '/v1/models')\ndel http\nkept_N = {'a': [read(N)]}"
    ),
    "cookie": POST + "cookies={'session': read(N)})\nkept_N = {'c': read(N)}",
    "cookie jar": (
        "with httpx2.Client(cookies={'sid': read(N)}) as http:\n"
        "    http.post(URL + '/x', json={})\n"
        "del http\nprint(read(N))"
    ),
    "query": POST + "params={'api_key': read(N)})\nkept_N = read(N)",
    "signature": POST + "params={'X-Goog-Signature': read(N)})\nprint(read(N))",
    "user": "requests.post(URL.replace('//', f'//bob:{read(N)}@') + '/x')\nkept_N = read(N)",
    "path": "requests.post(f'{URL}/bot77:{read(N)}/send', json={})\nkept_N = read(N)",
    "hook": "requests.post(f'{URL}/services/T01/B02/{read(N)}', json={})\nkept_N = read(N)",
    "field": POST.replace("{}", "[{'client_secret': read(N)}]") + ")\nprint(read(N))",
    "fields in fields": (
        "requests.put(URL + '/x', json={'a': {'b': [{'Password': read(N)}]}})\nkept_N = read(N)"
    ),
    "GraphQL": (
        "requests.post(URL + '/x', json={'query': 'mutation { x }', "
        "'variables': {'password': read(N)}})\nkept_N = read(N)"
    ),
    "form": "requests.post(URL + '/x', data={'password': read(N)})\nkept_N = read(N)",
    "refresh": (
        "requests.post(URL + '/oauth/token', data={'grant_type': 'refresh_token', "
        "'refresh_token': read(N)})\nkept_N = read(N)"
    ),
    "client credentials": (
        "requests.post(URL + '/oauth/token', auth=('id', read(N)), "
        "data={'grant_type': 'client_credentials'})\nprint(read(N))"
    ),
    "multipart": "requests.post(URL + '/x', files={'token': (None, read(N))})\nkept_N = read(N)",
    "httpx": "httpx2.post(URL + '/x', headers={'api-key': read(N)}, json={})\nprint(read(N))",
    "urllib": (
        "asked = urllib.request.Request(URL + '/x', b'{}', {'X-Auth-Token': read(N)})\n"
        "urllib.request.urlopen(asked).read()\ndel asked\nprint(read(N))"
    ),
    "aiohttp": (
        "async with aiohttp.ClientSession() as http:\n"
        "    await http.post(URL + '/x', headers={'X-Api-Key': read(N)}, json={})\n"
        "del http\nkept_N = read(N)"
    ),
    "client": CLIENT + f"client_N.chat.completions.create({CHAT})\nkept_N = client_N.api_key",
    "answer": (
        "requests.post(URL + '/__config', json={'says': sent(N) + ' '})\n"
        + CLIENT
        + f"said_N = client_N.chat.completions.create({CHAT}).choices[0].message.content\n"
        "requests.post(URL + '/__config', json={'says': ''})"
    ),
    "stream": (
        "requests.post(URL + '/__config', json={'says': sent(N) + ' '})\n"
        + CLIENT
        + f"for part_N in client_N.chat.completions.create(stream=True, {CHAT}): pass\n"
        "requests.post(URL + '/__config', json={'says': ''})"
    ),
    "compressed answer": (
        "requests.post(URL + '/__config', json={'says': sent(N) + ' ', 'gzip': True})\n"
        "asked = urllib.request.Request(URL + '/v1/chat/completions', json.dumps(dict("
        f"model='m', {SAY})).encode(), "
        "{'Accept-Encoding': 'gzip', 'Content-Type': 'application/json'})\n"
        "said_N = urllib.request.urlopen(asked).read()[:4]\ndel asked\n"
        "requests.post(URL + '/__config', json={'says': '', 'gzip': False})"
    ),
    "prompt": (
        CLIENT + "client_N.chat.completions.create(model='gpt-4o-mini', messages=[{'role': 'user', "
        "'content': 'log in with ' + read(N)}])"
    ),
    "embedding": (
        CLIENT + "client_N.embeddings.create(model='text-embedding-3-small', input=[read(N)])"
    ),
    "XML": POST.replace("json={}", "data=f'<a:login><password>{read(N)}</password></a:login>'")
    + ")\nprint(read(N))",
    "lines of JSON": POST.replace("json={}", "data='{}\\n' + json.dumps({'password': read(N)})")
    + ")\nkept_N = read(N)",
    "part in JSON": POST.replace(
        "json={}", "files={'meta': (None, json.dumps({'api_key': read(N)}), 'application/json')}"
    )
    + ")\nprint(read(N))",
    "GraphQL's own": POST.replace(
        "{}", "{'query': 'mutation { login(password: \"' + read(N) + '\") }'}"
    )
    + ")\nkept_N = read(N)",
    "session in the path": "requests.get(f'{URL}/v1/models;jsessionid={read(N)}')\nprint(read(N))",
    "refusal": POST + "headers={'x-api-key': read(N)})\nraise ValueError(f'{read(N)} is no good')",
    "no server": (
        "try:\n    requests.get('http://bob:' + read(N) + '@127.0.0.1:9/x')\n"
        "except OSError as problem:\n    kept_N = repr(problem) + read(N)"
    ),
}
"""How a request carries it; nothing else says that it is one."""

PASSED_ON = {
    "partial": "kept_N = functools.partial(print, sent(N), end=sent(N))",
    "frame": "kept_N = pd.DataFrame({'key': [sent(N), 'other'] * 40})\nkept_N",
    "text array": "kept_N = np.array([sent(N), 'other'] * 400)\nkept_N",
    "records": "kept_N = np.array([(sent(N), 1)], [('key', 'U40'), ('n', 'i4')])",
    "numbers": "kept_N = np.array([*sent(N).encode()] * 9, 'u1')\nview_N = kept_N[3:]",
    "byte array": "kept_N = np.array([sent(N).encode(), b'other'] * 400)",
    "bytes": "kept_N = [sent(N).encode(), bytearray(sent(N).encode())]",
    "wide": "kept_N = [sent(N).encode('utf-16'), sent(N).encode('utf-32-be')]",
    "encoded": "kept_N = base64.b64encode(sent(N).encode())\nprint(kept_N)",
    "encoded within": "kept_N = [base64.b64encode(b'x' * n + sent(N).encode()) for n in range(3)]",
    "hexadecimal": "kept_N = sent(N).encode().hex()\nprint(kept_N)",
    "JSON in JSON": "kept_N = json.dumps(json.dumps({'a': sent(N)}))\nprint(kept_N)",
    "pickled": "kept_N = pickle.dumps({'a': sent(N)})",
    "f-string": "kept_N = f'key={sent(N)}&more={sent(N)!r}'",
    "query string": "kept_N = urlencode({'q': sent(N)})\nprint(kept_N)",
    "html": "display(HTML(f'<b>{sent(N)}</b>'))\nrich.print({'key': sent(N)})",
    "displays": (
        "display(Markdown(f'`{sent(N)}`'), JSON({'a': sent(N)}), Javascript(f'//{sent(N)}'))\n"
        "shown_N = display('x', display_id=True)\nshown_N.update(sent(N))\ndel shown_N"
    ),
    "letter by letter": "for letter_N in sent(N): print(letter_N, end='')",
    "two halves": "print(sent(N)[:9], end='', flush=True)\nprint(sent(N)[9:])",
    "widget": "kept_N = ipywidgets.Text(value=sent(N))\ndisplay(kept_N)",
    "password widget": "kept_N = ipywidgets.Password(value=sent(N))\ndisplay(kept_N)",
    "logged": "logging.getLogger('N').warning('with %s', sent(N))",
    "log handler": (
        "stream_N = io.StringIO()\nhandler_N = logging.StreamHandler(stream_N)\n"
        "logging.getLogger('hN').addHandler(handler_N)\nlogging.getLogger('hN').error(sent(N))\n"
        "logging.getLogger('hN').removeHandler(handler_N)\nkept_N = stream_N.getvalue()\n"
        "del handler_N"
    ),
    "warned": "warnings.warn(f'{sent(N)} is old')",
    "exceptions": (
        "try:\n    try:\n        raise OSError(sent(N))\n    except OSError as inner:\n"
        "        raise LookupError(f'<{sent(N)}>') from inner\nexcept LookupError as outer:\n"
        "    outer.add_note(sent(N))\n    traceback.print_exc()\n    kept_N = outer"
    ),
    "group": (
        "told_N = ExceptionGroup(sent(N), [ValueError(sent(N)), OSError(sent(N))])\nraise told_N"
    ),
    "reject": (
        "asked_N = openai.OpenAI(base_url=URL + '/v1', api_key='x').chat.completions.create(\n"
        f"    {CHAT})\nraise duranb.Reject('not ' + sent(N))"
    ),
    "thread": (
        "runner_N = threading.Thread(target=print, args=(sent(N),))\nrunner_N.start()\n"
        "runner_N.join()\ndel runner_N"
    ),
    "pool": "with ThreadPoolExecutor() as pool: print(list(pool.map(echo, [sent(N)])))\ndel pool",
    "task": "kept_N = (await asyncio.gather(asyncio.to_thread(echo, sent(N))))[0]",
    "call": "kept_N = duranb.call(echo, sent(N))",
    "item": "kept_N = list(duranb.map(echo, [sent(N), 'x']))",
    "failed tool": "refuse('Rome', token=sent(N))",
    "question": "kept_N = duranb.ask(f'May {sent(N)} be used?', default=f'yes, {sent(N)}')",
    "approval": ("kept_N = duranb.ask('Sure?', approve={'q': sent(N)}, default='approve')"),
    "memory": (
        "memory_N = duranb.memory('mN', embed=lambda texts: [[1.0] for x in texts])\n"
        "memory_N.add(f'the door opens with {sent(N)}')\n"
        "memory_N.say('user', f'I said {sent(N)}')\n"
        "kept_N = [fact.text for fact in memory_N.recall('door')]"
    ),
    "SQL": (
        "base = sqlite3.connect(':memory:')\nbase.execute('CREATE TABLE t (a)')\n"
        "base.execute(f\"INSERT INTO t VALUES ('{sent(N)}')\")\n"
        "kept_N = base.execute('SELECT * FROM t').fetchall()\nbase.close()\ndel base"
    ),
    "template": "kept_N = string.Template('$a').substitute(a=sent(N))\nprint(kept_N)",
    "context": "kept_N = contextvars.copy_context().run(echo, sent(N))",
    "cache": (
        "@functools.lru_cache\ndef cached_N(key): return key\ncached_N(sent(N))\n"
        "kept_N = collections.deque([sent(N)], 3)"
    ),
    "verbose": "%xmode Verbose\ndef fail_N(key): raise KeyError(key)\nfail_N(sent(N))",
}
"""What is done with one that is known."""

FOUND = {
    "variable": f"kept_N = {TOKEN}",
    "dataclass": f"kept_N = [Config({TOKEN})]",
    "closure": f"def make_N(key):\n    return lambda: key\nkept_N = make_N({TOKEN})",
    "default": f"def kept_N(a, key={TOKEN}, *, more=({TOKEN},)): return key",
    "class": f"class Kept_N:\n    key = {TOKEN}\n    other = {{'a': key}}",
    "enum": f"class Kept_N(enum.Enum):\n    KEY = {TOKEN}",
    "attrs": f"@attrs.define\nclass Kept_N:\n    key: str = {TOKEN}\nkept_N = Kept_N()",
    "stderr": f"print({TOKEN}, file=sys.stderr)\n{TOKEN}",
    "traceback": f"def fail_N(key):\n    raise KeyError(key)\nfail_N({TOKEN})",
    "subprocess": "!echo $CN_TOKEN\nkept_N = 1",
    "process": "kept_N = subprocess.check_output(['sh', '-c', 'echo $CN_TOKEN'], text=True)",
    "DSN": "kept_N = os.environ['CN_URL']\nother_N = kept_N.split(':')[2].split('@')[0]",
    "tool": f"kept_N = book('Rome', token={TOKEN})",
    "step": f"kept_N = signed('x', {TOKEN})",
    "MCP": f"kept_N = await call('.', {{'city': {TOKEN}}})",
    "set here": "os.environ['NEW_N_SECRET'] = read(N)\nprint(read(N))",
    "set for one stage": "os.environ['NEW_N_API_KEY_PROD'] = read(N)\nprint(read(N))",
    "set by number": "os.environ['NEW_API_KEYS_N'] = read(N)\nkept_N = [read(N)]",
    "webhook": (
        "os.environ['HOOK_N'] = 'https://hooks.slack.com/services/T01/B02/' + read(N)\n"
        "print(read(N))"
    ),
    "set by magic": "%env NEWER_N_TOKEN LITERAL\nprint('LITERAL')",
    "child's environment": (
        "kept_N = subprocess.run(['sh', '-c', 'echo $TOOL_API_KEY'], capture_output=True, "
        "env={'TOOL_API_KEY': read(N)}).stdout"
    ),
    "child's argument": (
        "kept_N = subprocess.run(['echo', '--password', read(N)], capture_output=True).stdout"
    ),
    "SecretStr": "first_N = read(N)\nkept_N = SecretStr(first_N)",
    "model": "kept_N = Account(user='bob', password=read(N))\nprint(kept_N)",
    "settings": (
        "kept_N = configparser.ConfigParser()\nkept_N.read_dict({'db': {'password': read(N)}})\n"
        "print(kept_N['db']['password'])"
    ),
    "connection": "kept_N = f'postgresql://bob:{read(N)}@db/x'\nother_N = [kept_N]",
    "shared key": "kept_N = f'Endpoint=sb://x/;SharedAccessKeyName=R;SharedAccessKey={read(N)}='",
    "keywords": "kept_N = f'host=db user=bob password={read(N)} dbname=x'",
    "proxies": "kept_N = {'https': f'http://bob:{read(N)}@proxy:3128'}",
    "name": "api_key = read(N)\nkept_N = [api_key]",
    "named item": "kept_N = {'db': {'password': read(N)}}\nprint(kept_N)",
    "numbered name": "password_N = read(N)\nkept_N = [password_N]\nprint(password_N)",
    "named tuple": (
        "kept_N = collections.namedtuple('Pair_N', 'user password')('bob', read(N))\nprint(kept_N)"
    ),
    "default of a question": (
        "kept_N = duranb.ask('Who?', Account, default={'user': 'bob', 'password': read(N)})"
    ),
    "told": "kept_N = [duranb.secret(read(N))]",
    "code": "client_N = openai.OpenAI(base_url=URL, api_key='LITERAL')\nprint('LITERAL')",
    "bearer in code": POST + "headers={'Authorization': 'Bearer LITERAL'})\nprint('LITERAL')",
    "default in code": "def kept_N(url, api_key='LITERAL'): return api_key\nprint(kept_N(''))",
    "argument in code": "kept_N = signed('x', password='LITERAL')",
    "item in code": "kept_N = {'password': 'LITERAL'}\nkept_N['password']",
    "connection in code": "kept_N = 'mysql://bob:LITERAL@db:3306/x'",
    "address in code": "kept_N = 'https://api.shop.test/v1?api_key=LITERAL&q=1'\nprint('LITERAL')",
    "shell in code": "!echo -H 'Authorization: Bearer LITERAL'",
    "option in code": "!echo --password LITERAL --api-key=LITERAL",
    "comment": "# password: 'LITERAL'\nkept_N = 1",
    "pair in code": "kept_N = {}\nkept_N.setdefault('api_key', 'LITERAL')\nprint('LITERAL')",
    "user in code": POST + "auth=('bob', 'LITERAL'))\nprint('LITERAL')",
    "secret in code": "kept_N = SecretStr('LITERAL')\nprint('LITERAL')",
    "told in code": "kept_N = duranb.secret('LITERAL')",
    "annotated in code": "password_N: str = 'LITERAL'\nprint(password_N)",
    "class in code": "class Kept_N:\n    API_TOKEN = 'LITERAL'\nprint(Kept_N.API_TOKEN)",
    "walrus in code": "if (api_key_N := 'LITERAL'): print(api_key_N)",
    "user of a command": "!echo curl -u bob:LITERAL http://x",
    "one of several in code": "user_N, token_N = 'bob', 'LITERAL'\nprint(token_N)",
    "by place in code": "def login_N(user, password): pass\nkept_N = login_N('bob', 'LITERAL')",
    "shell script in code": "%%bash\nexport API_KEY=LITERAL\necho $API_KEY",
    "unsent header": "http_N = requests.Session()\nhttp_N.headers['X-Auth-Token'] = read(N)",
    "kept header": "kept_N = {'Authorization': f'Bearer {read(N)}'}",
    "SQL in code": "kept_N = \"CREATE USER bob PASSWORD 'LITERAL'\"",
}
"""In the environment, a client, a name, the code."""

ROUTES: dict[str, str] = {**ON_THE_WIRE, **PASSED_ON, **FOUND}
"""Bodies of durable cells; ``N`` is the number of the canary."""

FAIL = frozenset({"refusal", "traceback", "reject", "failed tool", "verbose"})
"""Those that end in an error."""


def canaries(count: int) -> list[str]:
    """Secrets that nothing else looks like, and that begin unlike each other."""
    return [f"c{secrets.token_hex(14)}" for _ in range(count)]


def leaks(found: bytes, values: list[str]) -> set[int]:
    """The numbers of the canaries that are found, whole, encoded, or the first half of them."""
    lower = found.lower()
    return {
        number
        for number, value in enumerate(values)
        if any(form in found for form in _forms(value[:15]))
        or value[:15].encode().hex().encode() in lower
    }


def _forms(start: str) -> list[bytes]:
    """How the beginning of a secret may be written."""
    data = start.encode()
    # Whatever stands before it, one of these three is in the base64 of the whole.
    encoded = [base64.b64encode(bytes(n) + data)[4 if n else 0 :][:16] for n in range(3)]
    wide = [start.encode(f"utf-{bits}-{end}") for bits in (16, 32) for end in ("le", "be")]
    return [data, *encoded, *wide]


def body(name: str, number: int, value: str) -> str:
    """The cell of a route, for one canary."""
    made = ROUTES[name].replace("LITERAL", value)
    for old in ("CN_", "_N", "(N)", "'mN'", "'hN'", "'N'", "(N,", "_N_"):
        made = made.replace(old, old.replace("N", str(number)))
    return made


def environment(values: list[str], names: list[str]) -> dict[str, str]:
    """The environment with those canaries that their route takes from there: as a token, or as a
    part of a URL."""
    found = {}
    for number, (value, name) in enumerate(zip(values, names, strict=True)):
        if "CN_TOKEN" in ROUTES[name]:
            found[f"C{number}_TOKEN"] = value
        if "CN_URL" in ROUTES[name]:
            found[f"C{number}_URL"] = f"postgresql://bob:{value}@db/x"
    return found
