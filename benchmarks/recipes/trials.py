"""What is tried, how long it runs, and what is chosen: no program is started here."""
import dataclasses
import re
import statistics
import tomllib

FIGURES = ("knn", "linear", "rankme", "cosine", "position_share")


@dataclasses.dataclass(frozen=True)
class Trial:
    """A setting: its name, and the keys in which it differs from the table's configuration."""
    name: str
    changes: dict

    @property
    def folder(self):
        return re.sub(r"[^A-Za-z0-9.]+", "_", self.name)

    def options(self, **more):
        values = {**self.changes, **more}
        return [word for key, value in values.items() for word in ("--set", f"{key}={text(value)}")]


def text(value):
    """As --set takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_table(path):
    """(configuration, trials). The file: config = "...", [common] and [trial.NAME] of
    quoted keys, such as "optim.lr" = 1e-3. The first trial is what the others are compared with."""
    with open(path, "rb") as file:
        table = tomllib.load(file)
    unknown = set(table) - {"config", "common", "trial"}
    if unknown or not table.get("trial") or "config" not in table:
        raise SystemExit(f"{path}: needs config and [trial.NAME] sections, may have [common], and "
                         f"nothing else{': ' + ', '.join(sorted(unknown)) if unknown else ''}.")
    common = table.get("common", {})
    return table["config"], [Trial(name, {**common, **changes})
                             for name, changes in table["trial"].items()]


def epochs_for(seconds, seconds_a_step, steps_an_epoch):
    """Whole passes that come nearest to the processor time; at least one."""
    return max(1, round(seconds / seconds_a_step / steps_an_epoch))


def by_trial(rows):
    """name -> its rows, in the order of first appearance."""
    found = {}
    for row in rows:
        found.setdefault(row["trial"], []).append(row)
    return found


def score(rows):
    """What chooses: the mean of k-NN and linear accuracy over seeds."""
    return statistics.mean((row["knn"] + row["linear"]) / 2 for row in rows)


def best(rows):
    trials = by_trial(rows)
    return max(trials, key=lambda name: score(trials[name]))


def spread(values):
    """Mean and half the range, as "48.3 +- 0.4"."""
    mean = statistics.mean(values)
    if len(values) == 1:
        return f"{mean:.1f}"
    return f"{mean:.1f} +- {(max(values) - min(values)) / 2:.1f}"


def markdown(rows):
    """The table for docs/recipes.md."""
    lines = ["| setting | seeds | 20-NN | linear | untrained | RankMe | cosine | position share | "
             "images | core-seconds |", "|" + "---|" * 10]
    for name, mine in by_trial(rows).items():
        mean = lambda key, own=mine: statistics.mean(row[key] for row in own)
        lines.append(
            f"| {name} | {len(mine)} | {spread([r['knn'] for r in mine])} | "
            f"{spread([r['linear'] for r in mine])} | {mean('untrained_knn'):.1f} / "
            f"{mean('untrained_linear'):.1f} | {mean('rankme'):.1f} | {mean('cosine'):.2f} | "
            f"{mean('position_share'):.2f} | {mean('images'):,.0f} | {mean('seconds'):.0f} |")
    return "\n".join(lines) + "\n"
