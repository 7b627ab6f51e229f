# %%
import numpy as np

np.random.seed(3)
# %%
def make(n=40, noise=0.3):
    x = np.random.randn(n, 2)
    w = np.array([1.5, -2.0])
    y = x @ w + 0.5 + noise * np.random.randn(n)
    return x, y

X, y = make()
# %%
class Scaler:
    def fit(self, x):
        self.mean_, self.scale_ = x.mean(axis=0), x.std(axis=0)
        return self

    def transform(self, x):
        return (x - self.mean_) / self.scale_

    def fit_transform(self, x):
        return self.fit(x).transform(x)
# %%
scaler = Scaler()
Z = scaler.fit_transform(X)
print(Z.mean().round(3), Z.std().round(3))
# %%
class Model:
    def __init__(self, rate=0.1, steps=30):
        self.rate, self.steps, self.history = rate, steps, []

    def fit(self, x, y):
        self.w, self.b = np.zeros(x.shape[1]), 0.0
        for _ in range(self.steps):
            error = x @ self.w + self.b - y
            self.w -= self.rate * x.T @ error / len(y)
            self.b -= self.rate * error.mean()
            self.history.append(float((error**2).mean()))
        return self

    def predict(self, x):
        return x @ self.w + self.b

class Ridge(Model):
    def __init__(self, alpha=0.1, **options):
        super().__init__(**options)
        self.alpha = alpha

    def fit(self, x, y):
        super().fit(x, y)
        self.w /= 1 + self.alpha
        return self
# %%
models = {"plain": Model(), "ridge": Ridge(alpha=0.5, rate=0.2)}
fitted = {name: m.fit(Z, y) for name, m in models.items()}
# %%
losses = models["plain"].history
print(len(losses), round(losses[-1], 4))
# %%
best = min(fitted, key=lambda n: np.abs(fitted[n].predict(Z) - y).mean())
chosen = fitted[best]
best
# %%
chosen.fit(Z, y)
print(len(losses), len(chosen.history))
# %%
class Pipeline:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x

pipeline = Pipeline(scaler.transform, chosen.predict, lambda v: v.round(2))
# %%
predicted = pipeline(X[:4])
predicted
# %%
scaler.mean_ += 0.1
again = pipeline(X[:4])
print((again - predicted).round(3))
