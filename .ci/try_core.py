"""What must work with the core only: no torch, JAX or Keras is installed, and an error says how to get one."""

import importlib.metadata
import importlib.util

import glideslope as gs

for name in ("torch", "jax", "keras", "matplotlib"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed"
assert importlib.metadata.version("glideslope") == gs.__version__
schedule = gs.parse("warmup(5%) >> hold >> cooldown(20%, shape=sqrt)").over(1000)
assert [round(schedule(t), 3) for t in (0, 50, 800, 1000)] == [0.0, 1.0, 1.0, 0.0]
assert gs.from_json(gs.to_json(schedule)) == schedule
assert "CosineDecay" in gs.export(gs.cosine(), 100, 0.1, "keras")


class Quadratic:
    """A job without a framework."""

    w = 1.0

    def step(self, lr):
        self.w -= lr * self.w
        return self.w**2

    def evaluate(self):
        return self.w**2

    def state(self):
        return {"w": self.w}

    def restore(self, state):
        self.w = state["w"]


assert gs.find(Quadratic()).suggestion > 0
said = ""
try:
    gs.torch  # noqa: B018
except gs.FrameworkError as error:
    said = str(error)
assert 'pip install "glideslope[torch]"' in said
print(f"glideslope {gs.__version__}: the core works without torch, JAX and Keras")
