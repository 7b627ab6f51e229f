# %%
import numpy as np
import pandas as pd
# %%
rng = np.random.default_rng(7)
days = pd.date_range("2026-01-01", periods=8, freq="D")
sales = pd.DataFrame({"day": days, "shop": list("abcabcab"), "sold": rng.integers(1, 20, 8)})
sales
# %%
prices = pd.Series({"a": 2.5, "b": 4.0, "c": 1.25}, name="price")
sales["price"] = sales["shop"].map(prices)
sales["revenue"] = sales.sold * sales.price
sales.head(3)
# %%
big = sales[sales.revenue > 20]
sold = sales["sold"]
print(len(big), sold.sum())
# %%
by_shop = sales.groupby("shop")["revenue"].agg(["sum", "mean", "count"])
by_shop.columns = ["total", "mean", "days"]
by_shop.sort_values("total", ascending=False)
# %%
groups = {name: frame for name, frame in sales.groupby("shop")}
first = groups["a"]
# %%
first.loc[:, "note"] = "checked"
sales.loc[sales.sold < 5, "sold"] = 5
print(sales.sold.min(), sold.min())
# %%
wide = sales.pivot_table(index="day", columns="shop", values="sold", fill_value=0)
wide["all"] = wide.sum(axis=1)
rolling = wide["all"].rolling(3, min_periods=1).mean().round(2)
# %%
def label(row, limit=30):
    return "high" if row["revenue"] > limit else "low"

sales["label"] = sales.apply(label, axis=1)
counts = sales.label.value_counts().to_dict()
counts
# %%
merged = by_shop.reset_index().merge(prices.reset_index().rename(columns={"index": "shop"}), on="shop")
merged["share"] = (merged.total / merged.total.sum() * 100).round(1)
# %%
report = merged[["shop", "share"]].to_dict("records")
for line in report:
    print(f"{line['shop']}: {line['share']} %")
# %%
sales.drop(columns=["price"], inplace=True)
sales.set_index("day", inplace=True)
monthly = sales["revenue"].resample("4D").sum()
monthly
