# %%
import random
import statistics

random.seed(11)
# %%
walk = [0]
for _ in range(12):
    walk.append(walk[-1] + random.choice([-1, 1]))
print(walk)
# %%
class Die:
    def __init__(self, sides=6, rng=random):
        self.sides, self.rng, self.rolled = sides, rng, []

    def roll(self):
        self.rolled.append(self.rng.randint(1, self.sides))
        return self.rolled[-1]
# %%
own = random.Random(5)
fair = Die()
loaded = Die(4, own)
dice = [fair, loaded]
# %%
throws = [d.roll() for d in dice for _ in range(3)]
throws
# %%
def simulate(n, p=0.4, state=None):
    state = state if state is not None else {"S": 20, "I": 2, "R": 0}
    for _ in range(n):
        new = sum(random.random() < p for _ in range(min(state["S"], state["I"])))
        healed = state["I"] // 3
        state["S"] -= new
        state["I"] += new - healed
        state["R"] += healed
    return state
# %%
state = {"S": 30, "I": 3, "R": 0}
history = [dict(state)]
for _ in range(4):
    simulate(1, state=state)
    history.append(dict(state))
print(history[-1])
# %%
again = simulate(2, p=0.9, state=state)
print(again is state, state["I"])
# %%
inside = 0
for _ in range(200):
    x, y = random.random(), random.random()
    inside += x * x + y * y < 1
pi = 4 * inside / 200
pi
# %%
deck = [f"{s}{n}" for s in "AB" for n in range(1, 6)]
hands = {"one": deck[:3], "two": deck[3:5]}
random.shuffle(deck)
hands["rest"] = deck
# %%
card = deck.pop()
hands["one"].append(card)
print(card, len(hands["rest"]))
# %%
spread = statistics.pstdev(fair.rolled)
loaded.roll()
print(round(spread, 3), loaded.rolled, own.random() < 0.5)
