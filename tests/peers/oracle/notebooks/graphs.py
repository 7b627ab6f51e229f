# %%
import heapq
import math
from collections import Counter, OrderedDict, defaultdict, deque
from functools import cached_property, lru_cache, total_ordering
# %%
@total_ordering
class Place:
    def __init__(self, name, x, y):
        self.name, self.at, self.roads = name, (x, y), {}

    def to(self, other, length=None):
        length = math.dist(self.at, other.at) if length is None else length
        self.roads[other] = length
        other.roads[self] = length
        return self

    def __lt__(self, other):
        return self.name < other.name

    def __repr__(self):
        return self.name

    @cached_property
    def degree(self):
        return len(self.roads)
# %%
a, b, c, d = (Place(n, x, y) for n, x, y in [("a", 0, 0), ("b", 3, 4), ("c", 6, 0), ("d", 9, 9)])
a.to(b).to(c, 20)
b.to(c)
c.to(d)
places = [a, b, c, d]
a.degree
# %%
def shortest(start):
    best, heap, came = {start: 0.0}, [(0.0, start)], {}
    while heap:
        so_far, here = heapq.heappop(heap)
        for there, length in here.roads.items():
            if so_far + length < best.get(there, math.inf):
                best[there] = so_far + length
                came[there] = here
                heapq.heappush(heap, (best[there], there))
    return best, came

best, came = shortest(a)
# %%
def way(to):
    steps = deque([to])
    while steps[0] in came:
        steps.appendleft(came[steps[0]])
    return steps

route = way(d)
list(route)
# %%
visits = Counter()
order = OrderedDict()
def walk(here, depth=0):
    visits[here] += 1
    if here in order:
        return
    order[here] = depth
    for there in sorted(here.roads):
        walk(there, depth + 1)

walk(a)
order.move_to_end(a)
# %%
@lru_cache(maxsize=None)
def paths(n, steps):
    return 1 if steps == 0 else sum(paths(m, steps - 1) for m in range(4) if places[m] in places[n].roads)

many = [paths(0, k) for k in range(5)]
# %%
b.to(d, 1.5)
best_now, came_now = shortest(a)
shorter = {p: (best[p], best_now[p]) for p in places if best_now[p] < best[p]}
# %%
groups = defaultdict(set)
for place in places:
    groups[len(place.roads)].add(place)
groups[3].discard(b)
# %%
route.append(a)
route[0].name = "home"
visits.update([a, a, d])
print(list(route), visits.most_common(2), {k: sorted(v) for k, v in groups.items()}, [p.degree for p in places])
