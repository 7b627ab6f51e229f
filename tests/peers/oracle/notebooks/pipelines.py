# %%
import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
# %%
jobs = queue.Queue()
for n in range(6):
    jobs.put((n % 3, f"job {n}"))
done = []
# %%
lock = threading.Lock()
def worker(name):
    while True:
        try:
            kind, what = jobs.get_nowait()
        except queue.Empty:
            return
        with lock:
            done.append((kind, what.upper()))

threads = [threading.Thread(target=worker, args=(f"w{n}",)) for n in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
done.sort()
del threads, thread
jobs.qsize(), len(done)
# %%
grouped = {k: [w for _, w in found] for k, found in groupby(done, key=lambda pair: pair[0])}
# %%
async def fetch(n, delay=0):
    await asyncio.sleep(delay)
    return {"n": n, "square": n * n}

async def together(of, items):
    return await asyncio.gather(*map(of, items))

def run(job):  # in a loop of its own, beside that of the kernel
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, job).result()

pages = run(together(fetch, range(5)))
# %%
async def numbered(items):
    for n, item in enumerate(items):
        yield n, item
        await asyncio.sleep(0)

async def pick(every=2):
    return [item async for n, item in numbered(pages) if n % every == 0]

picked = run(pick())
picked[0]["seen"] = True
pages
# %%
turn = asyncio.Semaphore(2)
async def limited(n):
    async with turn:
        return (await fetch(n))["square"]

squares = run(together(limited, range(3, 7)))
del turn
# %%
with ThreadPoolExecutor(3) as pool:
    lengths = dict(zip(grouped, pool.map(len, grouped.values())))
del pool
lengths
# %%
class Stage:
    def __init__(self, f, *after):
        self.f, self.after, self.results = f, after, []

    def run(self, items):
        self.results = [self.f(i) for i in items]
        for stage in self.after:
            stage.run(self.results)
        return self.results

last = Stage(str)
stages = Stage(lambda x: x + 1, Stage(lambda x: x * 10, last), last)
stages.run(squares)
# %%
stages.after[0].f = lambda x: -x
outcome = [stages.run([1, 2]), last.results, stages.after[1] is last]
# %%
everything = list(chain(*grouped.values(), map(str, squares)))
pages.append(picked[0])
pages[-1]["square"] = 99
print(len(everything), pages[0], picked[0], outcome)
