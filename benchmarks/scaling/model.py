"""Time of a step on R ranks with n images each, from few numbers; all times in seconds:

  step    = compute + exposed              efficiency = compute / step
  compute = fixed + per_image n            on one rank: forward, backward, optimizer
  wire    = 2 (g-1)/g bytes / inside       sum of the gradients, as a ring or a scatter and a gather
          + 2 (N-1)/N bytes / between      moves them: among the g ranks of a node, then N nodes
          + 2 (R-1) latency                whose ranks share the node's link
  exposed = max(wire - overlap compute, wire / buckets)

`overlap` is the share of compute during which sums may run: backward, in which gradients come by
and by. The last bucket comes when nothing is left to hide it."""
import dataclasses
import math


@dataclasses.dataclass
class Model:
    fixed: float
    per_image: float
    gradient_bytes: float
    between: float            # bytes/s of a node's link
    inside: float = math.inf  # bytes/s of a rank's link inside its node
    ranks_per_node: int = 1
    latency: float = 0.0      # of one message
    overlap: float = 0.5
    buckets: int = 1

    def compute(self, images):
        return self.fixed + self.per_image * images

    def wire(self, ranks):
        local = min(ranks, self.ranks_per_node)
        nodes = ranks / local
        return (2 * (local - 1) / local * self.gradient_bytes / self.inside +
                2 * (nodes - 1) / nodes * self.gradient_bytes / self.between +
                2 * (ranks - 1) * self.latency)

    def exposed(self, ranks, images):
        wire = self.wire(ranks)
        return max(wire - self.overlap * self.compute(images), wire / self.buckets)

    def step(self, ranks, images):
        return self.compute(images) + self.exposed(ranks, images)

    def efficiency(self, ranks, images):
        return self.compute(images) / self.step(ranks, images)


@dataclasses.dataclass
class Measured:
    """A run: the median step's parts. `compute` has neither waiting for ranks nor for data."""
    ranks: int
    images: float  # of a rank
    compute: float
    exposed: float


def least_squares(rows):
    """x, y >= 0 with a x + b y nearest to c for rows (a, b, c)."""
    total = lambda i, j: sum(row[i] * row[j] for row in rows)
    aa, ab, bb, ac, bc = total(0, 0), total(0, 1), total(1, 1), total(0, 2), total(1, 2)
    determinant = aa * bb - ab * ab
    if determinant > 1e-9 * aa * bb:
        x, y = (ac * bb - bc * ab) / determinant, (bc * aa - ac * ab) / determinant
        if x >= 0 and y >= 0:
            return x, y
    # One of them is zero: that which leaves less.
    alone = lambda product, square: max(product / square, 0.0) if square > 0 else 0.0
    return min(((alone(ac, aa), 0.0), (0.0, alone(bc, bb))),
               key=lambda s: sum((a * s[0] + b * s[1] - c) ** 2 for a, b, c in rows))


def fit_compute(runs):
    """Seconds an image and fixed; in relative terms, so that small steps count as much."""
    per_image, fixed = least_squares([(r.images / r.compute, 1 / r.compute, 1) for r in runs])
    return fixed, per_image


def fit_wire(runs, model):
    """Sets rate and latency of `model`, given its overlap, by the runs' exposed times. Which runs
    have their sums hidden follows from the answer, so it is asked a few times."""
    hidden = [False] * len(runs)
    for _ in range(10):
        rows = []
        for run, is_hidden in zip(runs, hidden):
            share = 1 / model.buckets if is_hidden else 1
            seen = run.exposed + (0 if is_hidden else model.overlap * model.compute(run.images))
            weight = 1 / (run.compute + run.exposed)
            moved = 2 * (run.ranks - 1) / run.ranks * model.gradient_bytes
            rows.append((moved * share * weight, 2 * (run.ranks - 1) * share * weight, seen * weight))
        seconds_per_byte, model.latency = least_squares(rows)
        model.between = 1 / seconds_per_byte if seconds_per_byte > 0 else math.inf
        before, hidden = hidden, [
            model.wire(r.ranks) * (1 - 1 / model.buckets) < model.overlap * model.compute(r.images)
            for r in runs]
        if hidden == before:
            break
    return sum(((model.exposed(r.ranks, r.images) - r.exposed) / (r.compute + r.exposed)) ** 2
               for r in runs)


def fit(runs, gradient_bytes, buckets=1):
    """The model that is nearest to the runs. Links are not told apart: `between` is what the ranks
    got in effect. Needs a run of more than one rank."""
    connected = [run for run in runs if run.ranks > 1]
    if not connected:
        raise ValueError("a fit needs runs on more than one rank")
    fixed, per_image = fit_compute(runs)
    models = [Model(fixed, per_image, gradient_bytes, math.inf, overlap=step / 50, buckets=buckets)
              for step in range(46)]
    return min(models, key=lambda model: fit_wire(connected, model))


def doubts(runs, fitted):
    """What the runs cannot tell, in sentences: a fit is no better than what it was made of."""
    said = []
    if len({run.images for run in runs}) < 2:
        said.append("all runs have the same images a rank, so time an image and fixed time of a "
                    "step cannot be told apart: measure other batches (--batch, both forms)")
    elif fitted.per_image == 0:
        said.append("steps did not get longer with more images a rank, so the model takes images to "
                    "cost nothing: the batch is too small to be felt, or other work disturbed the runs")
    if fitted.between == math.inf:
        said.append("no time grew with the bytes that ranks exchange, so the model takes the links to "
                    "be infinitely fast: measure more ranks, or ranks on more nodes")
    counts = sorted({run.ranks for run in runs})
    if len(counts) < 3:
        said.append(f"runs on {' and '.join(map(str, counts))} ranks cannot tell latency from rate: "
                    "measure a third count")
    return said
