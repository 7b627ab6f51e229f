# %%
import numpy as np
import pandas as pd
# %%
rng = np.random.default_rng(11)
days = pd.date_range("2024-01-01", periods=40, freq="D")
sales = pd.DataFrame({
    "day": np.repeat(days, 3),
    "shop": pd.Categorical(["north", "south", "east"] * 40),
    "sold": rng.integers(0, 50, 120),
})
# %%
indexed = sales.set_index(["shop", "day"]).sort_index()
north = indexed.loc["north"]
north.head(3)
# %%
weekly = north["sold"].resample("W").agg(["sum", "max"])
weekly["mean"] = weekly["sum"] / 7
# %%
wide = sales.pivot_table(index="day", columns="shop", values="sold", observed=False)
wide["all"] = wide.sum(axis=1)
tops = wide.idxmax(axis=1).value_counts().to_dict()
# %%
sales.loc[sales["sold"] > 45, "sold"] = 45
capped = int((sales["sold"] == 45).sum())
# %%
def score(group, weight=2):
    return pd.Series({"low": group["sold"].min(), "score": group["sold"].mean() * weight})

scores = sales.groupby("shop", observed=True)[["sold"]].apply(score)
# %%
names = scores.index.astype(str)
labels = dict(zip(names, ["N", "S", "E"]))
sales["label"] = sales["shop"].astype(str).map(labels)
# %%
values = wide["all"].to_numpy()
rolling = pd.Series(values).rolling(5, min_periods=1).mean()
peaks = np.flatnonzero(values > rolling.to_numpy() * 1.2)
# %%
pieces = dict(tuple(sales.groupby("label")))
pieces["N"] = pieces["N"].assign(sold=lambda d: d["sold"] * 10)
joined = pd.concat(pieces, names=["label"]).droplevel(1)
# %%
missing = wide.copy()
missing.iloc[3:6, 0] = np.nan
filled = missing.interpolate().round(1)
gaps = missing.isna().sum().to_dict()
# %%
stacked = filled.drop(columns="all").stack()
best = stacked.groupby(level=1).nlargest(2).reset_index(level=0, drop=True)
del sales["label"]
print(len(joined), capped, gaps, sorted(tops), sales.columns.tolist(), best.round(1).max())
