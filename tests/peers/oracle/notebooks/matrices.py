# %%
import numpy as np
# %%
A = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
b = np.array([1.0, 2.0, 3.0])
# %%
x = np.linalg.solve(A, b)
print(x.round(4), np.allclose(A @ x, b))
# %%
d = np.einsum("ii->i", A)
upper = np.triu(A, 1)
lower = np.tril(A, -1)
# %%
d += 1
print(A.diagonal(), np.trace(A))
# %%
def jacobi(A, b, steps=10):
    x = np.zeros_like(b)
    D = np.diag(A)
    R = A - np.diagflat(D)
    path = [x]
    for _ in range(steps):
        x = (b - R @ x) / D
        path.append(x)
    return x, path

found, path = jacobi(A, b)
# %%
residual = np.linalg.norm(A @ found - b)
last = path[-1]
print(residual < 1e-3, last is found)
# %%
last[:] = last.round(2)
print(found)
# %%
values, vectors = np.linalg.eigh(A)
order = values.argsort()[::-1]
values, vectors = values[order], vectors[:, order]
main = vectors[:, 0] * np.sign(vectors[0, 0])
# %%
grid = np.zeros((4, 4), dtype=int)
inner = grid[1:-1, 1:-1]
inner[...] = 1
edges = {"top": grid[0], "left": grid[:, 0]}
# %%
edges["top"][:] = 5
edges["left"] += 2
grid
# %%
M = np.matrix([[1, 2], [3, 4]])
N = M.T
N[0, 1] = 9
power = np.linalg.matrix_power(np.asarray(M), 2)
print(power)
# %%
big = np.ma.masked_less(grid, 2)
big[2, 2] = 8
print(big.sum(), grid[2, 2], big.count())
